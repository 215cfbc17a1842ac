import { openDockerSandbox } from '../../src/sandboxes/docker/docker-sandbox.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../servers/podman.ts';
import { requireOrSkip } from '../servers/require.ts';
import { describeSandboxContract } from './sandbox-contract.ts';

for (const kind of ['rootful', 'rootless'] as const) {
  const requirement = requireOrSkip(await podmanAvailable(kind));
  for (const user of ['0', '1000']) {
    describeSandboxContract({
      name: `a container of ${kind} Podman with user ${user}`,
      requirement,
      mayLoseOutput: true,
      open: async (signal) => {
        const args = ['--user', user, '--env', 'GIVEN=by the image'];
        const container = await startPodmanContainer(kind, { image: 'toolcrib-test/busybox', args });
        const env = { CONTAINER_HOST: `unix://${podmanSockets[kind]}` };
        const sandbox = await openDockerSandbox(container.name, { env, scheme: 'podman', ...(signal && { signal }) });
        return {
          sandbox,
          [Symbol.asyncDispose]: async () => {
            await sandbox.close();
            await container[Symbol.asyncDispose]();
          },
        };
      },
    });
  }
}
