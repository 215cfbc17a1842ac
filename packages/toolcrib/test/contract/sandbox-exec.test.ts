import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/flows/host.ts';
import { openExecSandbox } from '../../src/sandboxes/exec/exec-sandbox.ts';
import { DOCKER, dockerAvailable, startContainer } from '../servers/docker.ts';
import { requireOrSkip } from '../servers/require.ts';
import { describeSandboxContract } from './sandbox-contract.ts';

const HOW = { clock: systemClock, random: randomBytes, env: process.env };

for (const image of ['toolcrib-test/busybox', 'toolcrib-test/debian'] as const) {
  describeSandboxContract({
    name: `docker exec into ${image}`,
    requirement: requireOrSkip(await dockerAvailable(image)),
    open: async (signal) => {
      const container = await startContainer({ image, args: ['--env', 'GIVEN=by the image'] });
      const reference = `exec:${DOCKER} exec -i ${container.name}`;
      const words = [DOCKER, 'exec', '-i', container.name];
      const sandbox = await openExecSandbox(words, { reference, ...HOW, ...(signal && { signal }) });
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
