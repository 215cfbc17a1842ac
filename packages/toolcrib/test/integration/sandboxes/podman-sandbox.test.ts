import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import { collectOutput } from '../../../src/inject/output.ts';
import { startTool } from '../../../src/inject/start-tool.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import {
  podmanAvailable,
  podmanSockets,
  ROOTLESS_RUNTIME,
  startPodmanContainer,
  startPodmanService,
} from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { withoutNamespace } from '../inject/inject-container.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from '../inject/synthetic-artifact.ts';

const image = 'toolcrib-test/busybox';
const missing = (await podmanAvailable('rootful')) ?? (await podmanAvailable('rootless'));
const open = (name: string, env: Record<string, string>) => openDockerSandbox(name, { scheme: 'podman', env });
const envOf = {
  rootful: { CONTAINER_HOST: `unix://${podmanSockets.rootful}` },
  rootless: { XDG_RUNTIME_DIR: ROOTLESS_RUNTIME },
} as const;

async function shell(sandbox: Sandbox, script: string): Promise<string> {
  const process = await sandbox.exec({ argv: ['/bin/sh', '-c', script], user: '0', stdin: false });
  const [stdout] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);
  return stdout;
}

describe('Podman', requireOrSkip(missing), () => {
  let program: Buffer = Buffer.alloc(0);
  beforeAll(async () => {
    program = await compileSyntheticTool();
  });

  test.each([
    {
      kind: 'rootful',
      from: image,
      user: '0',
      rung: 'namespace',
      parent: '/var/lib/toolcrib',
      protection: 'same-user',
      readBack: 'host',
    },
    {
      kind: 'rootful',
      from: image,
      user: '0',
      entered: false,
      rung: 'archive',
      parent: '/var/lib/toolcrib',
      protection: 'same-user',
    },
    { kind: 'rootless', from: image, user: '0', rung: 'archive', parent: '/var/lib/toolcrib', protection: 'same-user' },
    // Podman does not tell who owns the directories above, so that it writes nothing there. The mount namespace does, but
    // is not entered where Podman maps users, because it does not tell that either.
    {
      kind: 'rootful',
      from: image,
      user: '1000',
      rung: 'namespace',
      parent: '/var/lib/toolcrib',
      protection: 'root-owned',
      readBack: 'host',
    },
    ...[{ kind: 'rootless' } as const, { kind: 'rootful', entered: false } as const].map(
      (row) =>
        ({
          ...row,
          from: image,
          user: '1000',
          rung: 'exec-tar',
          parent: '/tmp/toolcrib',
          protection: 'writable-parent',
        }) as const,
    ),
    {
      kind: 'rootless',
      from: 'toolcrib-test/static',
      user: '0',
      rung: 'archive',
      parent: '/var/lib/toolcrib',
      protection: 'same-user',
    },
  ] as const)('takes the tool into a container of $from, $kind with user $user, by $rung', async (row) => {
    await using container = await startPodmanContainer(row.kind, { image: row.from, args: ['--user', row.user] });
    const ledger = await mkdtemp(join(tmpdir(), 'ledger-'));
    const opened = await open(container.name, envOf[row.kind]);
    const sandbox = 'entered' in row ? withoutNamespace(opened) : opened;
    try {
      const injection = injectionOf(sandbox, await syntheticArtifact({ program }), ledger);
      const placement = await injectTool(injection);
      expect(placement).toMatchObject({
        rung: row.rung,
        protection: row.protection,
        readBack: 'readBack' in row ? row.readBack : 'engine',
        reused: false,
      });
      expect(placement.directory.startsWith(`${row.parent}/`)).toBe(true);
      const started = await startTool({ sandbox, placement, args: ['uid'], stdin: false });
      expect((await collectOutput(started)).stdout).toBe(`${row.user}\n`);
      expect(await injectTool(injection)).toMatchObject({ directory: placement.directory, reused: true });
    } finally {
      await sandbox.close();
      await rm(ledger, { recursive: true });
    }
  });

  test.each([
    { kind: 'rootful', args: [] },
    { kind: 'rootful', args: ['--uidmap', '0:300000:65536', '--gidmap', '0:300000:65536'] },
    { kind: 'rootless', args: [] },
  ] as const)('unpacks with owners as they are seen inside, $kind $args', async ({ kind, args }) => {
    await using container = await startPodmanContainer(kind, { image, args: ['--user', '1000', ...args] });
    const sandbox = await open(container.name, envOf[kind]);
    await sandbox.unpackTar('/', writeTar([{ path: 'note', kind: 'file', mode: 0o640, bytes: Buffer.from('a note') }]));
    expect(await shell(sandbox, 'stat -c "%u:%g %a" /note')).toBe('0:0 640\n');
    await sandbox.close();
  });

  test('tells what it mounts, and sees what is in it', async () => {
    const tmpfs = ['--tmpfs', '/tmp:rw,size=1m', '--tmpfs', '/fixed:noexec'];
    const volumes = ['--volume', '/vol', '--volume', '/etc:/host:ro', '--volume', '/usr:/idle:ro,noexec'];
    await using container = await startPodmanContainer('rootful', {
      image,
      args: ['--read-only', ...tmpfs, ...volumes],
    });
    const sandbox = await open(container.name, envOf.rootful);
    const { identity } = sandbox;
    expect(identity).toMatchObject({ id: container.id, arch: 'amd64', readOnlyRoot: true });
    expect(identity.mounts).toEqual(
      expect.arrayContaining([
        { path: '/tmp', kind: 'tmpfs', writable: true, executable: true },
        { path: '/fixed', kind: 'tmpfs', writable: true, executable: false },
        expect.objectContaining({ path: '/vol', kind: 'volume', writable: true, executable: true }),
        { path: '/host', kind: 'bind', writable: false, executable: true, source: '/etc' },
        { path: '/idle', kind: 'bind', writable: false, executable: false, source: '/usr' },
      ]),
    );
    await sandbox.unpackTar(
      '/tmp',
      writeTar([{ path: 'note', kind: 'file', mode: 0o644, bytes: Buffer.from('seen') }]),
    );
    expect(await shell(sandbox, 'cat /tmp/note')).toBe('seen');
    const refused = sandbox.unpackTar('/', writeTar([{ path: 'note', kind: 'file', mode: 0o644 }]));
    await expect(refused).rejects.toMatchObject({
      code: 'NOT_INJECTABLE',
      message: expect.stringContaining('read-only file system') as string,
    });
    await sandbox.close();
  });

  test('that ends while a program runs is an engine that does not answer, and not a program that ended', async () => {
    await using container = await startPodmanContainer('rootful', { image });
    await using service = await startPodmanService();
    const sandbox = await open(container.name, { CONTAINER_HOST: `unix://${service.socket}` });
    const process = await sandbox.exec({ argv: ['/bin/sh', '-c', 'echo begun; exec cat'], stdin: true });
    process.stdout.once('data', () => service.kill());
    process.stderr.resume();
    await expect(process.exit).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining(service.socket) as string,
    });
    await expect(sandbox.stat('/bin')).rejects.toMatchObject({ code: 'UNREACHABLE' });
    await sandbox.close();
  });

  test('that is not there is named by the socket that was tried, with what to set', async () => {
    await expect(open('web', { XDG_RUNTIME_DIR: '/no/such/folder' })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('podman.sock') as string,
      hint: expect.stringContaining('CONTAINER_HOST') as string,
    });
  });
});
