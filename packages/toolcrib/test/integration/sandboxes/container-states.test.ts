import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox, SandboxProcess } from '../../../src/sandboxes/sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import { docker, dockerAvailable, startContainer, type Container } from '../../servers/docker.ts';
import { podman, podmanAvailable, podmanSockets, startPodmanContainer, type PodmanKind } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';

const image = 'toolcrib-test/busybox';

interface EngineUnderTest {
  readonly name: string;
  readonly missing: string | undefined;
  readonly scheme: 'docker' | 'podman';
  readonly start: (command?: readonly string[], args?: readonly string[]) => Promise<Container>;
  /** Pausing takes a cgroup that can be frozen; containers of a user have none on cgroup v1. */
  readonly pauses: boolean;
  readonly run: (...args: readonly string[]) => Promise<string>;
  readonly env: Readonly<Record<string, string>>;
}

const podmanEngine = async (kind: PodmanKind): Promise<EngineUnderTest> => ({
  name: `${kind} Podman`,
  missing: await podmanAvailable(kind),
  scheme: 'podman',
  pauses: kind === 'rootful',
  start: (command, args = []) => startPodmanContainer(kind, { image, args, ...(command && { command }) }),
  run: (...args) => podman(kind, ...args),
  env: { CONTAINER_HOST: `unix://${podmanSockets[kind]}` },
});

const engines: readonly EngineUnderTest[] = [
  {
    name: 'Docker',
    missing: await dockerAvailable(image),
    scheme: 'docker',
    pauses: true,
    start: (command, args = []) => startContainer({ image, args, ...(command && { command }) }),
    run: docker,
    env: {},
  },
  await podmanEngine('rootful'),
  await podmanEngine('rootless'),
];

async function endOf(process: SandboxProcess): Promise<{ stdout: string; stderr: string; code: number }> {
  const [stdout, stderr, { code }] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
  return { stdout, stderr, code };
}

/** What every call of a sandbox comes to, by name. */
async function attempts(sandbox: Sandbox): Promise<Record<string, unknown>> {
  const calls: Record<string, () => Promise<unknown>> = {
    stat: () => sandbox.stat('/bin'),
    readTar: () => sandbox.readTar('/bin/sh'),
    unpackTar: () => sandbox.unpackTar('/tmp', writeTar([{ path: 'file', kind: 'file', mode: 0o644 }])),
    exec: () => sandbox.exec({ argv: ['/bin/true'], stdin: false }),
  };
  const outcomes = Object.entries(calls).map(async ([name, call]): Promise<[string, unknown]> => {
    return [name, await call().catch((error: unknown) => error)];
  });
  return Object.fromEntries(await Promise.all(outcomes));
}

for (const engine of engines) {
  const { scheme, run } = engine;
  const open = (name: string) => openDockerSandbox(name, { scheme, env: engine.env });
  const hint = (words: string) => expect.stringContaining(words) as string;

  describe(`a container of ${engine.name}`, requireOrSkip(engine.missing), () => {
    test('that is not there says so and how to list those that are', async () => {
      await expect(open('no-such-container')).rejects.toMatchObject({
        code: 'SANDBOX_NOT_FOUND',
        message: hint(`there is no ${scheme}:no-such-container at unix://`),
        hint: hint(`${scheme} ps`),
      });
    });

    test('that does not run is refused by its state, with what to do', async () => {
      await using container = await engine.start();
      const { name } = container;
      await run('kill', name);
      await run('wait', name);
      await expect(open(name)).rejects.toMatchObject({
        code: 'SANDBOX_STATE',
        message: `${scheme}:${name} is exited (code 137), it must be running`,
        details: { state: 'exited' },
        hint: hint(`${scheme} start ${name}`),
      });
      const created = await run('create', '--label', `toolcrib-test.pid=${process.pid}`, image, 'sleep', 'infinity');
      try {
        await expect(open(created)).rejects.toMatchObject({ code: 'SANDBOX_STATE', details: { state: 'created' } });
      } finally {
        await run('rm', created);
      }
    });

    if (engine.pauses) {
      test('that is paused, also while it is used, says so instead of waiting', async () => {
        await using container = await engine.start();
        const sandbox = await open(container.name);
        await run('pause', container.name);
        try {
          await expect(open(container.name)).rejects.toMatchObject({
            code: 'SANDBOX_STATE',
            details: { state: 'paused' },
            hint: `${scheme} unpause ${container.name}`,
          });
          const { exec } = await attempts(sandbox);
          expect(exec).toMatchObject({
            code: 'SANDBOX_STATE',
            message: expect.stringMatching(/ is paused while it was used: .*paused/) as string,
            hint: `${scheme} unpause ${container.name}`,
          });
        } finally {
          await run('unpause', container.name);
          await sandbox.close();
        }
      });
    }

    test('that stops or is removed while it is used is told apart from everything else', async () => {
      await using container = await engine.start();
      const sandbox = await open(container.name);
      const running = await sandbox.exec({ argv: ['/bin/cat'], stdin: true });
      const ended = endOf(running).catch((error: unknown) => error);
      await run('kill', container.name);
      await run('wait', container.name);
      // A program that was killed with its container ends as killed ones do, or by the container's state.
      expect([
        { stdout: '', stderr: '', code: 137 },
        expect.objectContaining({ code: 'SANDBOX_STATE' }),
      ]).toContainEqual(await ended);
      const { exec } = await attempts(sandbox);
      expect(exec).toMatchObject({ code: 'SANDBOX_STATE', details: { state: 'exited' } });
      await run('rm', container.name);
      const removed = {
        code: 'SANDBOX_STATE',
        message: hint('was removed while it was used'),
        details: { state: 'removed' },
      };
      expect(await attempts(sandbox)).toMatchObject({
        stat: removed,
        readTar: removed,
        unpackTar: removed,
        exec: removed,
      });
      await sandbox.close();
    });

    test('does not run programs of a user that it does not have, and says so', async () => {
      await using container = await engine.start();
      const sandbox = await open(container.name);
      const outcome = await sandbox
        .exec({ argv: ['/bin/echo', 'ran'], user: 'nosuchuser', stdin: false })
        .then(endOf)
        .catch((error: unknown) => error);
      expect(outcome).toMatchObject({
        code: 'EXEC_FAILED',
        message: hint('unable to find user nosuchuser'),
        hint: hint('a user that the sandbox has'),
      });
      await sandbox.close();
    });

    test("keeps the engine's words out of what a program writes", async () => {
      await using container = await engine.start();
      const sandbox = await open(container.name);
      const start = (argv: string[], cwd = '/') => sandbox.exec({ argv, cwd, stdin: false }).then(endOf);
      const directory = await start(['/etc']);
      expect(directory).toMatchObject({
        stdout: '',
        code: 126,
        stderr: expect.stringMatching(/permission denied/) as string,
      });
      // A program may say what engines say.
      const script = "printf 'OCI runtime exec failed: not really\\r\\n'; exit 126";
      expect(await start(['/bin/sh', '-c', script])).toEqual({
        stdout: 'OCI runtime exec failed: not really\r\n',
        stderr: '',
        code: 126,
      });
      await sandbox.close();
    });
  });
}

describe('a container that ends again and again', requireOrSkip(engines[0]?.missing), () => {
  test('is refused while the engine waits to start it anew', async () => {
    await using container = await startContainer({
      image,
      args: ['--restart', 'always'],
      command: ['sh', '-c', 'exit 3'],
    });
    // The engine doubles its pauses, so that sooner or later it is seen in one.
    await expect
      .poll(() => docker('inspect', '--format', '{{.State.Status}} {{.RestartCount}}', container.name), {
        timeout: 30_000,
      })
      .toMatch(/^restarting [4-9]/);
    await expect(openDockerSandbox(container.name, { env: {} })).rejects.toMatchObject({
      code: 'SANDBOX_STATE',
      message: expect.stringContaining('is restarting (code 3)') as string,
      hint: expect.stringContaining('docker logs') as string,
    });
  });
});
