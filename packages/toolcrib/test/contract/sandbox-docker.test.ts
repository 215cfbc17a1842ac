import { openDockerSandbox } from '../../src/sandboxes/docker/docker-sandbox.ts';
import { dockerAvailable, startContainer } from '../servers/docker.ts';
import { requireOrSkip } from '../servers/require.ts';
import { describeSandboxContract } from './sandbox-contract.ts';

for (const user of ['0', '1000']) {
  describeSandboxContract({
    name: `a container with user ${user}`,
    requirement: requireOrSkip(await dockerAvailable('toolcrib-test/busybox')),
    open: async (signal) => {
      const args = ['--user', user, '--env', 'GIVEN=by the image'];
      const container = await startContainer({ image: 'toolcrib-test/busybox', args });
      const sandbox = await openDockerSandbox(container.name, { env: process.env, ...(signal && { signal }) });
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
