import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { injectTool } from '../../../src/inject/inject-tool.ts';
import type { Placement } from '../../../src/inject/placement.ts';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import { belongsTo } from '../../../src/sandboxes/docker/namespace/container-process.ts';
import type { NamespaceMember, Sandbox, SandboxNamespace } from '../../../src/sandboxes/sandbox.ts';
import type { TarEntry } from '../../../src/tar/write.ts';
import { startDockerDaemon } from '../../servers/docker-daemon.ts';
import { docker } from '../../servers/docker.ts';
import { PODMAN_USER, podmanAvailable } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { cannotEnter } from './enterable.ts';
import { startSite } from './inject-container.ts';
import { compileSyntheticTool, injectionOf, syntheticArtifact } from './synthetic-artifact.ts';

const run = promisify(execFile);
const [busybox, noProgram] = ['toolcrib-test/busybox', 'toolcrib-test/static'] as const;

const ready = requireOrSkip(await cannotEnter(busybox, noProgram));
const mapped = requireOrSkip((await cannotEnter(busybox, noProgram)) ?? (await podmanAvailable('rootful')));

function namespaceOf({ namespace }: Sandbox): SandboxNamespace {
  if (namespace === undefined || 'closed' in namespace) throw new Error('the mount namespace is closed');
  return namespace;
}

/** What one looks like from the host: nobody in the container is asked. */
async function inContainer(name: string, ...argv: readonly string[]): Promise<string> {
  const pid = await docker('inspect', '--format', '{{.State.Pid}}', name);
  const { stdout } = await run('nsenter', ['--target', pid, '--mount', '--pid', ...argv]);
  return stdout.trim();
}

/** A directory of this machine that a test gives to a container. */
async function hostDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'host-directory-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('through the mount namespace of a container', ready, () => {
  let artifact: InjectableArtifact;
  beforeAll(async () => {
    artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
  });

  const readOnly = ['--read-only', '--tmpfs', '/opt:exec', '--cap-drop', 'ALL'];
  test.each([
    ['a tmpfs, without a program or capability in it', noProgram, [...readOnly, '--user', '0'], 'same-user'],
    ['a tmpfs, without a program in it, as a user', noProgram, [...readOnly, '--user', '1000'], 'root-owned'],
    ['a tmpfs, with a shell', busybox, [...readOnly, '--user', '1000'], 'root-owned'],
    ['a volume, without a program in it', noProgram, ['--read-only', '--volume', '/opt/toolcrib'], 'same-user'],
  ] as const)('a read-only container takes the tool into %s', async (_, image, args, protection) => {
    await using site = await startSite({ image, args });
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ rung: 'namespace', protection, readBack: 'host', reused: false });
    expect(placement.directory).toMatch(/^\/opt\/toolcrib\/synthetic-v1-/);
    expect((await site.call(placement, ['version'])).stdout).toBe('synthetic v1\n');
    expect(await site.inject(artifact)).toMatchObject({ directory: placement.directory, reused: true });
    expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
  });

  test('what is placed belongs to root, and only its owner may write it', async () => {
    await using site = await startSite({ image: busybox, args: [...readOnly, '--user', '1000'] });
    const { directory } = await site.inject(artifact);
    const listed = await site.shell('1000', `find /opt -exec stat -c '%a %u %g %n' {} +`);
    const seen = listed.split('\n').map((line) => line.replace(directory, 'TREE'));
    expect(seen.sort()).toEqual(
      [
        '1777 0 0 /opt',
        '755 0 0 /opt/toolcrib',
        '755 0 0 TREE',
        '755 0 0 TREE/bin',
        '755 0 0 TREE/bin/synthetic',
        '755 0 0 TREE/lib',
        '755 0 0 TREE/lib/deep',
        '644 0 0 TREE/lib/deep/ballast',
        '644 0 0 TREE/note.txt',
      ].sort(),
    );
    await expect(site.shell('1000', `mv ${directory} /opt/mine`)).rejects.toThrow();
  });

  test('a placement that somebody changed is not used again', async () => {
    await using site = await startSite({ image: busybox, args: ['--read-only', '--tmpfs', '/opt:exec'] });
    const first = await site.inject(artifact);
    await site.shell('0', `echo changed > ${first.directory}/note.txt`);
    const second = await site.inject(artifact);
    expect(second.directory).not.toBe(first.directory);
    expect(site.notices.map(({ text }) => text)).toContainEqual(expect.stringContaining('note.txt does not have'));
    await site.shell('0', `rm -r ${second.directory}`);
    expect((await site.inject(artifact)).directory).not.toBe(second.directory);
  });

  test('a tmpfs that lets no program start is refused, also when its engine does not know', async () => {
    await using site = await startSite({ image: busybox, args: ['--tmpfs', '/opt:exec'] });
    await inContainer(site.name, '/bin/mount', '-o', 'remount,noexec', '/opt');
    const only = { ...site.sandbox, ways: ['namespace'] as const };
    await expect(site.inject(artifact, { sandbox: only, install: ['/opt/toolcrib'] })).rejects.toMatchObject({
      details: { plan: ['namespace in /opt/toolcrib: /opt is on a file system that is mounted noexec'] },
    });
  });

  test('a directory of the host that was brought to the place of a tmpfs without a link is not written', async () => {
    await using host = await hostDirectory();
    const args = ['--tmpfs', '/opt/place:exec', '--volume', `${host.path}:/mnt/place`];
    await using site = await startSite({ image: busybox, args });
    await site.shell('0', 'mv /opt /was; mv /mnt /opt');
    const only = { ...site.sandbox, ways: ['namespace'] as const };
    await expect(site.inject(artifact, { sandbox: only, install: ['/opt/place/toolcrib'] })).rejects.toMatchObject({
      details: { plan: ['namespace in /opt/place/toolcrib: /opt/place is not the mount of the engine'] },
    });
    expect(await readdir(host.path)).toEqual([]);
  });

  test('a volume whose place another volume took is not written', async () => {
    const args = ['--volume', '/opt/place', '--volume', '/mnt/place'];
    await using site = await startSite({ image: busybox, args });
    await site.shell('0', 'mv /opt /was; mv /mnt /opt');
    const only = { ...site.sandbox, ways: ['namespace'] as const };
    const refused = site.inject(artifact, { sandbox: only, install: ['/opt/place'] });
    await expect(refused).rejects.toThrow('/opt/place is not the mount of the engine');
  });

  test('a mount that the engine does not list is not entered', async () => {
    await using site = await startSite({ image: busybox });
    await inContainer(site.name, '/bin/sh', '-c', 'mkdir /opt; mount -t tmpfs none /opt');
    const only = { ...site.sandbox, ways: ['namespace'] as const };
    const refused = site.inject(artifact, { sandbox: only, install: ['/opt/toolcrib'] });
    await expect(refused).rejects.toThrow('/opt is a mount that the engine does not list');
  });

  test('where root could lead the engine to the host, nothing has to be led', async () => {
    await using host = await hostDirectory();
    await using site = await startSite({ image: noProgram, args: ['--volume', `${host.path}:/mnt/host`] });
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ rung: 'namespace', protection: 'same-user', readBack: 'host' });
    expect(site.notices.filter(({ kind }) => kind === 'warning')).toEqual([]);
    expect(await readdir(host.path)).toEqual([]);
  });

  test('an agent that exchanges directories for links while it is written gets nothing to the host', async () => {
    await using host = await hostDirectory();
    const args = ['--tmpfs', '/opt:exec', '--volume', `${host.path}:/mnt/host`];
    await using site = await startSite({ image: busybox, args });
    // With -n a link that is there already is not followed: the agent itself would write to the host.
    const swap = (path: string) =>
      `mv ${path} ${path}.was && ln -sn /mnt/host ${path}; rm ${path}; mv ${path}.was ${path}`;
    const inside =
      'for d in .s* s*; do [ -d $d ] || continue; cd $d; ln -sn /mnt/host lib; ln -sn /mnt/host bin; cd ..; done';
    const script = `mkdir -p /opt/toolcrib; while :; do ${swap('/opt/toolcrib')}; cd /opt/toolcrib; ${inside}; cd /; done`;
    await docker('exec', '--detach', site.name, '/bin/sh', '-c', script);
    const only = { ...site.sandbox, ways: ['namespace'] as const };
    const outcomes: unknown[] = [];
    // Whether the agent comes in time is chance: it goes on until it did.
    const wasDisturbed = () => outcomes.some((outcome) => outcome instanceof Error);
    for (let round = 0; round < 25 || (!wasDisturbed() && round < 200); round++) {
      const more = { sandbox: only, install: ['/opt/toolcrib'], ledger: `${site.ledger}/${round}` };
      outcomes.push(await site.inject(artifact, more).catch((error: unknown) => error));
    }
    for (const outcome of outcomes)
      if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'NOT_INJECTABLE' });
    expect(wasDisturbed()).toBe(true);
    expect(await readdir(host.path)).toEqual([]);
  });

  test('every kind of entry is written and read as it is', async () => {
    await using site = await startSite({ image: noProgram, args: ['--tmpfs', '/opt:exec'] });
    const long = `${'deep-'.repeat(20)}é`;
    const entries: readonly TarEntry[] = [
      { path: long, kind: 'directory', mode: 0o755 },
      { path: `${long}/empty`, kind: 'file', mode: 0o644, bytes: new Uint8Array(0) },
      { path: `${long}/large`, kind: 'file', mode: 0o755, bytes: Buffer.alloc(3_000_001, 'x') },
      { path: `${long}/up`, kind: 'link', mode: 0o777, linkTarget: '../top' },
      { path: 'top', kind: 'file', mode: 0o644, bytes: Buffer.from('top') },
    ];
    const found = await placeEntries(site.sandbox, '/opt/a/b/tree', entries);
    expect(found.sort()).toEqual(
      [
        'directory 755 0  ',
        `directory 755 0 ${long} `,
        `file 644 0 ${long}/empty 0`,
        `file 755 0 ${long}/large 3000001`,
        `link 777 0 ${long}/up ../top`,
        'file 644 0 top 3',
      ].sort(),
    );
    const way = await namespaceOf(site.sandbox).look('/opt/a/b/tree/top/none');
    expect(way.map(({ path, kind }) => `${kind} ${path}`).slice(-2)).toEqual([
      'directory /opt/a/b/tree',
      'file /opt/a/b/tree/top',
    ]);
    await site.sandbox.remover?.removeTree('/opt/a/b/tree');
    expect((await namespaceOf(site.sandbox).look('/opt/a/b/tree')).at(-1)?.path).toBe('/opt/a/b');
    await site.sandbox.remover?.removeTree('/opt/a/b/tree');
  });

  test('a tree is as deep as an artifact may be, and comes back and goes away whole; a deeper one leaves nothing', async () => {
    await using site = await startSite({ image: noProgram, args: ['--tmpfs', '/opt:exec'] });
    const pathOf = (depth: number) => Array.from({ length: depth }, () => 'd').join('/');
    const directories = Array.from({ length: 128 }, (_, depth): TarEntry => {
      return { path: pathOf(depth + 1), kind: 'directory', mode: 0o755 };
    });
    const deepest: TarEntry = { path: `${pathOf(127)}/file`, kind: 'file', mode: 0o644, bytes: Buffer.from('x') };
    const found = await placeEntries(site.sandbox, '/opt/tree', [...directories, deepest]);
    expect(found).toHaveLength(130);
    expect(found).toContain(`directory 755 0 ${pathOf(128)} `);
    const below = { ...deepest, path: `${pathOf(128)}/file` };
    const tooDeep = placeEntries(site.sandbox, '/opt/other', [...directories, below]);
    await expect(tooDeep).rejects.toMatchObject({ details: { doing: 'input' } });
    await site.sandbox.remover?.removeTree('/opt/tree');
    for (const path of ['/opt/tree', '/opt/.tree', '/opt/other', '/opt/.other'])
      expect((await namespaceOf(site.sandbox).look(path)).at(-1)?.path).toBe('/opt');
  });

  const file = { kind: 'file', mode: 0o644, bytes: Buffer.from('x') } as const;
  test.each([
    ['a name that leads up', { ...file, path: '../outside' }],
    ['a name that leads up later', { ...file, path: 'a/../../outside' }],
    ['an absolute name', { ...file, path: '/etc/outside' }],
    ['a link that leads out', { path: 'link', kind: 'link', mode: 0o777, linkTarget: '../outside' }],
    ['an absolute link', { path: 'link', kind: 'link', mode: 0o777, linkTarget: '/etc' }],
    ['a file that runs as its owner', { ...file, path: 'setuid', mode: 0o4755 }],
    ['a file that all write', { ...file, path: 'open', mode: 0o666 }],
  ] as const)('%s is refused, and nothing stays', async (_, entry) => {
    await using site = await startSite({ image: noProgram, args: ['--tmpfs', '/opt:exec'] });
    const placing = placeEntries(site.sandbox, '/opt/a/tree', [{ ...file, path: 'good' }, entry]);
    await expect(placing).rejects.toMatchObject({ code: 'NOT_INJECTABLE', details: { doing: 'input' } });
    expect((await namespaceOf(site.sandbox).look('/opt/a')).map(({ path }) => path)).toEqual(['/', '/opt']);
  });

  test('only a process of the container itself is taken for one: a number may be another process of this machine', async () => {
    await using site = await startSite({ image: busybox });
    await using other = await startSite({ image: busybox });
    const pid = Number(await docker('inspect', '--format', '{{.State.Pid}}', site.name));
    expect(await belongsTo(pid, site.sandbox.identity.id)).toBe(true);
    expect(await belongsTo(pid, other.sandbox.identity.id)).toBe(false);
    expect(await belongsTo(process.pid, site.sandbox.identity.id)).toBe(false);
    expect(await belongsTo(pid, '')).toBe(false);
    expect(await belongsTo(2 ** 22 + 1, site.sandbox.identity.id)).toBe(false);
  });

  test('nothing is written over what is there', async () => {
    await using site = await startSite({ image: busybox, args: ['--tmpfs', '/opt:exec'] });
    await site.shell('0', 'mkdir /opt/tree; echo mine > /opt/tree/note');
    const placing = placeEntries(site.sandbox, '/opt/tree', [{ ...file, path: 'note' }]);
    await expect(placing).rejects.toThrow('could not give the tree its name: file already exists (EEXIST)');
    expect(await site.shell('0', 'cat /opt/tree/note; ls -A /opt')).toBe('mine\ntree');
  });

  test('taking a tree away follows no link in it and none to it', async () => {
    await using site = await startSite({ image: busybox, args: ['--tmpfs', '/opt:exec'] });
    await site.shell(
      '0',
      'mkdir /keep; echo 1 > /keep/note; mkdir -p /opt/tree/a; ln -s /keep /opt/tree/a/way; ln -s /keep /opt/link',
    );
    await site.sandbox.remover?.removeTree('/opt/tree');
    await expect(site.sandbox.remover?.removeTree('/opt/link/note')).rejects.toThrow('/opt/link is a link now');
    await site.sandbox.remover?.removeTree('/opt/link');
    expect(await site.shell('0', 'ls -A /opt; cat /keep/note')).toBe('1');
  });

  test('without the helper the way is named with its reason, and the next one is taken', async () => {
    await using site = await startSite({ image: busybox, args: ['--tmpfs', '/opt:exec'] });
    const sandbox = await openDockerSandbox(site.name, { env: process.env, helper: '/nowhere/helper' });
    try {
      const placement = await site.inject(artifact, { sandbox, install: ['/opt'] });
      expect(placement).toMatchObject({ rung: 'exec-tar', readBack: 'exec' });
      expect(placement.plan[0]).toMatchObject({
        rung: 'namespace',
        usable: false,
        reason: expect.stringContaining('the namespace helper cannot be started') as string,
      });
    } finally {
      await sandbox.close();
    }
  });
});

/** Places entries, and tells what was read back: kind, mode, owner, path, and the target or the size. */
async function placeEntries(sandbox: Sandbox, path: string, entries: readonly TarEntry[]): Promise<string[]> {
  const found: string[] = [];
  const verify = async (members: AsyncIterable<NamespaceMember>) => {
    for await (const { kind, mode, uid, path: name, linkTarget, bytes } of members) {
      let size = 0;
      for await (const piece of bytes) size += piece.byteLength;
      const more = kind === 'file' ? String(size) : linkTarget;
      found.push(`${kind} ${mode.toString(8)} ${uid} ${name} ${more}`);
    }
  };
  const request = { path, examine: () => Promise.resolve(), verify, signal: undefined };
  await namespaceOf(sandbox).place({ ...request, entries: oneByOne(entries) });
  return found;
}

async function* oneByOne(entries: readonly TarEntry[]): AsyncGenerator<TarEntry> {
  for (const entry of entries) {
    await Promise.resolve();
    yield entry;
  }
}

describe('through the mount namespace of a container whose users are mapped', mapped, () => {
  test('root of the container owns what is placed, and no other root does', async () => {
    const artifact = await syntheticArtifact({ program: await compileSyntheticTool() });
    await using daemon = await startDockerDaemon(busybox, [`--userns-remap=${PODMAN_USER}`]);
    const args = ['--detach', '--network', 'none', '--read-only', '--tmpfs', '/opt:exec', '--user', '1000'];
    const id = await daemon.docker('run', ...args, busybox, 'sleep', 'infinity');
    await using ledger = await hostDirectory();
    const sandbox = await openDockerSandbox(id, { env: { DOCKER_HOST: `unix://${daemon.socket}` } });
    try {
      const placement: Placement = await injectTool(injectionOf(sandbox, artifact, ledger.path));
      expect(placement).toMatchObject({ rung: 'namespace', protection: 'root-owned', readBack: 'host' });
      const note = `${placement.directory}/note.txt`;
      expect(await daemon.docker('exec', id, 'stat', '-c', '%u', note)).toBe('0');
      const pid = await daemon.docker('inspect', '--format', '{{.State.Pid}}', id);
      const onHost = await run('stat', ['-c', '%u', `/proc/${pid}/root${note}`]);
      expect(Number(onHost.stdout)).toBeGreaterThan(65_535);
    } finally {
      await sandbox.close();
    }
  });
});
