import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { startDockerDaemon } from '../../servers/docker-daemon.ts';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import {
  podman as runPodman,
  PODMAN_USER,
  podmanAvailable,
  podmanSockets,
  startPodmanContainer,
} from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from './synthetic-artifact.ts';

const image = 'toolcrib-test/busybox';
const ready = requireOrSkip((await dockerAvailable(image)) ?? (await programsMissing('gcc')));
const readyPodman = requireOrSkip((await dockerAvailable(image)) ?? (await podmanAvailable('rootful')));

/** What the container's first process does: it waits for a word, and gives itself namespaces and a root of its own. */
function agent(flags: string, root: string): readonly string[] {
  const mount = root === '/tmp' ? 'mount -t tmpfs none /tmp' : `mount --rbind ${root} ${root}`;
  const inside = `${mount}; cd ${root}; mkdir -p bin proc dev sys old etc var/lib opt tmp; chmod 755 .
cp /bin/busybox bin/; for i in sh sleep ls cat id; do ln -sf busybox bin/$i; done
for i in proc dev sys; do mount --rbind /$i $i; done
pivot_root . old; cd /; exec /bin/sleep 86400`;
  return ['sh', '-c', `while [ ! -e /dev/shm/go ]; do sleep 0.05; done; exec unshare ${flags} sh -c '${inside}'`];
}

const NESTED = ['-U', '-r', '-m'].join(' ');
const unconfined = ['--security-opt', 'seccomp=unconfined'];

/** Has the agent do it, and returns once it did. */
async function nest(run: (...args: readonly string[]) => Promise<string>, name: string): Promise<void> {
  const pid = await run('inspect', '--format', '{{.State.Pid}}', name);
  await run('exec', name, 'touch', '/dev/shm/go');
  for (let count = 0; count < 200; count++) {
    if ((await readFile(`/proc/${pid}/cmdline`, 'latin1')).startsWith('/bin/sleep\u000086400')) return;
    await sleep(50);
  }
  throw new Error('the agent did not get its namespaces');
}

/** Tries to place through the mount namespace alone; resolves with what the plan says, and whether anything came of it. */
async function planOf(sandbox: Sandbox, artifact: InjectableArtifact, directory = '/opt/toolcrib'): Promise<unknown> {
  const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
  const only: Sandbox = { ...sandbox, ways: ['namespace'] };
  try {
    return await injectTool(injectionOf(only, artifact, ledger, { install: [directory] })).then(
      (placement) => placement,
      (error: unknown) => (error as { details?: { plan?: unknown } }).details?.plan ?? error,
    );
  } finally {
    await rm(ledger, { recursive: true });
  }
}

const seenBefore =
  "namespace in /opt/toolcrib: the container's process is in a user namespace that the engine does not tell of";
const seenInside =
  "namespace in /opt/toolcrib: the namespace helper found the container's process in a user namespace that the engine does not tell of";

describe('an agent that gives itself namespaces of its own', ready, () => {
  let artifact: InjectableArtifact;
  beforeAll(async () => {
    artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
  });

  test('is not followed there, where all of its files look like those of root', async () => {
    const command = agent(NESTED, '/tmp');
    await using container = await startContainer({ image, command, args: ['--user', '1000', ...unconfined] });
    const before = await openDockerSandbox(container.name, { env: process.env });
    try {
      await nest(docker, container.name);
      const after = await openDockerSandbox(container.name, { env: process.env });
      expect(after.remover).toBeUndefined();
      expect(await planOf(after, artifact)).toEqual([seenBefore]);
      await after.close();
      // It comes between the first look and the entering.
      expect(await planOf(before, artifact)).toEqual([seenInside]);
    } finally {
      await before.close();
    }
  });

  test('gets no program taken for one of root, where the engine starts it among the files of the agent', async () => {
    const command = agent(NESTED, '/tmp');
    await using container = await startContainer({ image, command, args: ['--user', '1000', ...unconfined] });
    const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
    const inject = async () => {
      const sandbox = await openDockerSandbox(container.name, { env: process.env });
      return await injectTool(injectionOf(sandbox, artifact, ledger)).finally(() => sandbox.close());
    };
    try {
      expect(await inject()).toMatchObject({ rung: 'namespace', protection: 'root-owned' });
      expect(await inject()).toMatchObject({ reused: true });
      await nest(docker, container.name);
      const shown = await docker('exec', '--user', '0', container.name, 'ls', '/var/lib');
      expect(shown).toBe('');
      await expect(inject()).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    } finally {
      await rm(ledger, { recursive: true });
    }
  });

  test.for([
    { by: 'a user namespace', args: unconfined, flags: NESTED, said: seenInside },
    {
      by: 'the right to mount',
      args: [...unconfined, '--cap-add', 'SYS_ADMIN', '--security-opt', 'apparmor=unconfined'],
      flags: '-m',
      said: 'namespace in /opt/toolcrib: / is not the root that the engine gave the container',
    },
  ])('does not bring a directory of the host to the place of its root by $by', async ({ args, flags, said }) => {
    const host = await mkdtemp(join(tmpdir(), 'host-directory-'));
    try {
      const command = agent(flags, '/vol');
      await using container = await startContainer({ image, command, args: [...args, '--volume', `${host}:/vol`] });
      const sandbox = await openDockerSandbox(container.name, { env: process.env });
      await nest(docker, container.name);
      expect(await planOf(sandbox, artifact)).toEqual([said]);
      await sandbox.close();
      expect(await readdir(join(host, 'opt'))).toEqual([]);
    } finally {
      await rm(host, { recursive: true });
    }
  });

  test('is not followed either where the engine itself maps users', async () => {
    await using daemon = await startDockerDaemon(image, [`--userns-remap=${PODMAN_USER}`]);
    const args = ['--detach', '--network', 'none', '--user', '1000', ...unconfined, '--tmpfs', '/opt:exec'];
    const id = await daemon.docker('run', ...args, image, ...agent(NESTED, '/tmp'));
    const sandbox = await openDockerSandbox(id, { env: { DOCKER_HOST: `unix://${daemon.socket}` } });
    try {
      expect(await planOf(sandbox, artifact)).toMatchObject({ rung: 'namespace', protection: 'root-owned' });
      await nest((...words) => daemon.docker(...words), id);
      expect(await planOf(sandbox, artifact)).toEqual([seenInside]);
      const after = await openDockerSandbox(id, { env: { DOCKER_HOST: `unix://${daemon.socket}` } });
      expect(await planOf(after, artifact)).toEqual([seenBefore]);
      await after.close();
    } finally {
      await sandbox.close();
    }
  });
});

describe('an agent in a container of Podman', readyPodman, () => {
  test('that gives itself namespaces of its own, as Podman lets anybody, is not followed there', async () => {
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    const command = agent(NESTED, '/tmp');
    await using container = await startPodmanContainer('rootful', { image, command, args: ['--user', '1000'] });
    const env = { CONTAINER_HOST: `unix://${podmanSockets.rootful}` };
    const open = () => openDockerSandbox(container.name, { scheme: 'podman', env });
    const before = await open();
    try {
      expect(before.namespace).not.toHaveProperty('closed');
      await nest((...args) => runPodman('rootful', ...args), container.name);
      const after = await open();
      expect(await planOf(after, artifact)).toEqual([seenBefore]);
      await after.close();
      expect(await planOf(before, artifact)).toEqual([seenInside]);
    } finally {
      await before.close();
    }
  });
});
