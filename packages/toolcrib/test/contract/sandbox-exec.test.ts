import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/flows/host.ts';
import { openExecSandbox } from '../../src/sandboxes/exec/exec-sandbox.ts';
import { DOCKER, dockerAvailable, startContainer } from '../servers/docker.ts';
import { podmanAvailable, podmanSockets, startPodmanContainer } from '../servers/podman.ts';
import { requireOrSkip } from '../servers/require.ts';
import { unpackRoot } from '../servers/root-directory.ts';
import { sshAvailable, startSshServer } from '../servers/ssh-server.ts';
import { describeSandboxContract } from './sandbox-contract.ts';

/** What a prefix leads to, taken away with it. */
interface PrefixedPlace extends AsyncDisposable {
  readonly words: readonly string[];
}

function describePrefix(name: string, missing: string | undefined, start: () => Promise<PrefixedPlace>): void {
  describeSandboxContract({
    name,
    requirement: requireOrSkip(missing),
    open: async (signal) => {
      const place = await start();
      const sandbox = await openExecSandbox(place.words, {
        reference: `exec:${place.words.join(' ')}`,
        env: process.env,
        clock: systemClock,
        random: randomBytes,
        patience: { halfClose: 1000 },
        ...(signal && { signal }),
      });
      return {
        sandbox,
        [Symbol.asyncDispose]: async () => {
          await sandbox.close();
          await place[Symbol.asyncDispose]();
        },
      };
    },
  });
}

for (const image of ['toolcrib-test/busybox', 'toolcrib-test/debian'] as const) {
  describePrefix(`docker exec into ${image}`, await dockerAvailable(image), async () => {
    const container = await startContainer({ image, args: ['--env', 'GIVEN=by the image'] });
    const remove = () => container[Symbol.asyncDispose]();
    return { words: [DOCKER, 'exec', '-i', container.name], [Symbol.asyncDispose]: remove };
  });
}

describePrefix('podman exec', await podmanAvailable('rootful'), async () => {
  const container = await startPodmanContainer('rootful', { image: 'toolcrib-test/busybox' });
  const words = ['podman', '--url', `unix://${podmanSockets.rootful}`, 'exec', '-i', container.name];
  return { words, [Symbol.asyncDispose]: () => container[Symbol.asyncDispose]() };
});

/** A root file system with the devices that programs expect. */
async function rootWithDevices(): Promise<string> {
  const root = await unpackRoot('toolcrib-test/busybox');
  for (const [name, minor] of [
    ['null', '3'],
    ['zero', '5'],
  ] as const) {
    await rm(join(root, 'dev', name), { force: true });
    execFileSync('mknod', ['-m', '666', join(root, 'dev', name), 'c', '1', minor]);
  }
  return root;
}

const rootMissing = await dockerAvailable('toolcrib-test/busybox');

// Without /proc.
describePrefix('ssh and chroot', (await sshAvailable()) ?? rootMissing, async () => {
  const server = await startSshServer();
  const root = await rootWithDevices();
  const destination = ['-p', String(server.port), `${server.user}@127.0.0.1`];
  return {
    words: [join(server.programs, 'ssh'), ...destination, 'chroot', root],
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(root, { recursive: true });
    },
  };
});

describePrefix('a prefix that does not pass on the end of an input', rootMissing, async () => {
  const root = await rootWithDevices();
  const count = await mkdtemp(join(tmpdir(), 'count-'));
  const faulty = join(import.meta.dirname, '../servers/faulty-prefix.ts');
  return {
    words: [process.execPath, faulty, 'no-half-close', '0', count, 'chroot', root],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([root, count].map((path) => rm(path, { recursive: true })));
    },
  };
});
