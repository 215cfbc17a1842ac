import { chmod, chown, link, lstat, mkdir, mkdtemp, readdir, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { examineTree, weaknessOfTree, writeTreeOnHost } from '../../../src/inject/tree-on-host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { artifactOf } from './tree-artifact.ts';

async function scratch(): Promise<{ readonly folder: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-tree-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

const options = { signal: undefined, advance: () => undefined };

test('a tree on the host is the artifact, whatever the umask is', async () => {
  await using place = await scratch();
  const directory = join(place.folder, 'trees/tool-v1');
  const before = process.umask(0o077);
  try {
    await writeTreeOnHost(await artifactOf(), directory, options);
  } finally {
    process.umask(before);
  }
  expect(await examineTree(await artifactOf(), directory, undefined)).toBe(undefined);
  expect((await lstat(join(directory, 'bin/tool'))).mode & 0o777).toBe(0o755);
});

test.each([
  ['another byte', (tree: string) => writeFile(join(tree, 'bin/tool'), 'b program'), /has digest/],
  ['more in it', (tree: string) => writeFile(join(tree, 'more'), ''), /that does not belong there/],
  ['less in it', (tree: string) => unlink(join(tree, 'latest')), /"latest" is missing/],
  ['another mode', (tree: string) => chmod(join(tree, 'bin'), 0o777), /has mode 0777/],
  ['another mode at its top', (tree: string) => chmod(tree, 0o775), /has mode 0775/],
  [
    'a link in place of a file',
    async (tree: string) => {
      await unlink(join(tree, 'bin/tool'));
      await symlink('/bin/sh', join(tree, 'bin/tool'));
    },
    /a link "bin\/tool" that does not belong there/,
  ],
])('a tree with %s is not the artifact', async (_, change, reason) => {
  await using place = await scratch();
  const directory = join(place.folder, 'tool-v1');
  await writeTreeOnHost(await artifactOf(), directory, options);
  await change(directory);
  expect(await examineTree(await artifactOf(), directory, undefined)).toMatch(reason);
});

test('bytes that are not the artifact become no tree, and neither does what was interrupted', async () => {
  await using place = await scratch();
  const directory = join(place.folder, 'tool-v1');
  const { tar, ...artifact } = await artifactOf(Buffer.from('b program'));
  const { digest } = (await artifactOf()).tar;
  await expect(writeTreeOnHost({ ...artifact, tar: { ...tar, digest } }, directory, options)).rejects.toThrow('digest');
  const stopped = AbortSignal.abort(new Error('stopped'));
  await expect(writeTreeOnHost(await artifactOf(), directory, { ...options, signal: stopped })).rejects.toThrow(
    'stopped',
  );
  expect(await readdir(place.folder)).toEqual([]);
});

test('an empty directory is filled, and stays the one that somebody has mounted', async () => {
  await using place = await scratch();
  const empty = join(place.folder, 'empty');
  await mkdir(empty, { mode: 0o700 });
  const { ino } = await lstat(empty);
  await writeTreeOnHost(await artifactOf(), empty, options);
  expect((await lstat(empty)).ino).toBe(ino);
  expect(await examineTree(await artifactOf(), empty, undefined)).toBe(undefined);
  expect(await readdir(place.folder)).toEqual(['empty']);
});

test('what is there is not replaced; what killed processes left goes', async () => {
  await using place = await scratch();
  const [full, file] = [join(place.folder, 'full'), join(place.folder, 'file')];
  await mkdir(join(full, 'mine'), { recursive: true });
  await writeFile(file, 'mine');
  await mkdir(join(place.folder, '.toolcrib-00000000-1-1-0123456789abcdef.part')); // of another machine: it may be at work
  const left = formatIdentity({ ...ownIdentity(), pid: 2 ** 22 + 1 });
  await mkdir(join(place.folder, `.toolcrib-${left}-0123456789abcdef.part`));
  await expect(writeTreeOnHost(await artifactOf(), full, options)).rejects.toMatchObject({
    message: expect.stringContaining('it is not empty') as string,
    hint: 'empty it, or name another directory',
  });
  await expect(writeTreeOnHost(await artifactOf(), file, options)).rejects.toThrow('cannot rename');
  expect(await readdir(place.folder)).toEqual(['.toolcrib-00000000-1-1-0123456789abcdef.part', 'file', 'full']);
});

const notRoot = process.geteuid?.() === 0 ? undefined : 'only root gives files away';

describe('as root', requireOrSkip(notRoot), () => {
  test('no tree is written where another user could put a link in its way, and nothing is made there', async () => {
    await using place = await scratch();
    const [theirs, open, closed] = ['theirs', 'open', 'closed'].map((name) => join(place.folder, name));
    for (const directory of [theirs, open, closed]) await mkdir(directory ?? '');
    await chown(theirs ?? '', 1000, 1000);
    await chmod(open ?? '', 0o777);
    await symlink(theirs ?? '', join(closed ?? '', 'link'));
    for (const [directory, reason] of [
      [join(theirs ?? '', 'a/b'), /theirs belongs to uid 1000/],
      [join(theirs ?? '', 'b'), /theirs belongs to uid 1000/],
      [join(open ?? '', 'b'), /others than root can write .*open/],
      [join(closed ?? '', 'link/b'), /theirs belongs to uid 1000/],
    ] as const) {
      const writing = writeTreeOnHost(await artifactOf(), directory, options);
      await expect(writing).rejects.toThrow(reason);
      await expect(writing).rejects.toMatchObject({ code: 'USAGE' });
    }
    expect(await readdir(theirs ?? '')).toEqual([]);
    expect(await readdir(open ?? '')).toEqual([]);
  });

  test('a tree of which another user owns a file is not used, and neither is one that has another name', async () => {
    await using place = await scratch();
    const directory = join(place.folder, 'tool-v1');
    await writeTreeOnHost(await artifactOf(), directory, options);
    expect(await weaknessOfTree(directory)).toBe(undefined);
    await link(join(directory, 'bin/tool'), join(place.folder, 'other'));
    expect(await weaknessOfTree(directory)).toMatch(/bin\/tool has another name on this host/);
    await chown(join(directory, 'bin/tool'), 1000, 1000);
    expect(await examineTree(await artifactOf(), directory, undefined)).toMatch(/bin\/tool belongs to uid 1000/);
  });
});
