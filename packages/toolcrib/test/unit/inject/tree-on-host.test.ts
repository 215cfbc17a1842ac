import { chmod, lstat, mkdir, mkdtemp, readdir, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { examineTree, writeTreeOnHost } from '../../../src/inject/tree-on-host.ts';
import { writeTar } from '../../../src/tar/write.ts';

const program = Buffer.from('a program');

async function artifactOf(content = program): Promise<InjectableArtifact> {
  const pieces: Uint8Array[] = [];
  const entries = [
    { path: 'bin', kind: 'directory', mode: 0o755 },
    { path: 'bin/tool', kind: 'file', mode: 0o755, bytes: content },
    { path: 'latest', kind: 'link', mode: 0o777, linkTarget: 'bin/tool' },
  ] as const;
  for await (const piece of writeTar(entries)) pieces.push(piece);
  const tar = Buffer.concat(pieces);
  return {
    tool: 'tool',
    version: 1,
    target: parseTarget('amd64-any'),
    digest: digestOf(tar),
    descriptor: { entrypoint: ['bin/tool'], healthcheck: ['healthcheck'] },
    tar: {
      size: tar.byteLength,
      digest: digestOf(tar),
      files: [{ path: 'bin/tool', mode: 0o755, size: program.byteLength, digest: digestOf(program) }],
      links: [{ path: 'latest', target: 'bin/tool' }],
      open: async function* () {
        await Promise.resolve();
        yield tar;
      },
      readAt: (offset, length) => Promise.resolve(tar.subarray(offset, offset + length)),
    },
  };
}

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

test('what is there is not replaced, except for an empty directory; what killed processes left goes', async () => {
  await using place = await scratch();
  const [empty, full] = [join(place.folder, 'empty'), join(place.folder, 'full')];
  await mkdir(empty);
  await mkdir(join(full, 'mine'), { recursive: true });
  await mkdir(join(place.folder, '.toolcrib-00000000-1-1-0123456789abcdef.part')); // of another machine: it may be at work
  await writeTreeOnHost(await artifactOf(), empty, options);
  expect(await examineTree(await artifactOf(), empty, undefined)).toBe(undefined);
  await expect(writeTreeOnHost(await artifactOf(), full, options)).rejects.toThrow('cannot rename');
  expect(await readdir(place.folder)).toEqual(['.toolcrib-00000000-1-1-0123456789abcdef.part', 'empty', 'full']);
});
