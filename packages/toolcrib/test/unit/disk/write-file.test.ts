import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { createFileOnce, ensureDirectory, writeFileAtomically, type FileSource } from '../../../src/disk/write-file.ts';
import { createScratch, inPieces } from './scratch.ts';

function sourceOf(text: string): FileSource {
  const bytes = Buffer.from(text);
  return { size: bytes.length, digest: digestOf(bytes), open: () => inPieces(bytes, 3) };
}

test('a file is replaced as a whole, with the mode that was asked for', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await writeFileAtomically(path, 'one');
  await writeFileAtomically(path, Buffer.from('two'), { mode: 0o666 });
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o666);
  expect(await readdir(scratch.path)).toEqual(['file']);
});

test('a directory is made with its parents, also by many at the same time', async () => {
  await using scratch = await createScratch();
  const paths = Array.from({ length: 16 }, (_, index) => join(scratch.path, 'a/b/c', `${index % 4}`));
  await Promise.all(paths.map((path) => ensureDirectory(path, 0o700)));
  expect(await readdir(join(scratch.path, 'a/b/c'))).toEqual(['0', '1', '2', '3']);
  expect((await stat(join(scratch.path, 'a'))).mode & 0o777).toBe(0o700);
});

test.each([
  ['/proc/nope/toolcrib', 'ENOENT'],
  ['/etc/hostname/toolcrib', 'ENOTDIR'],
  ['/etc/hostname', 'EEXIST'],
])('a directory that cannot be at %s is a storage error (%s), and not for ever tried again', async (path, system) => {
  await expect(ensureDirectory(path)).rejects.toMatchObject({ code: 'STORAGE', details: { path, system } });
});

test('a target that cannot be replaced is a storage error that names it, and no temporary file is left', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'folder');
  await mkdir(path);
  await expect(writeFileAtomically(path, 'x')).rejects.toMatchObject({
    code: 'STORAGE',
    message: expect.stringContaining(path) as string,
  });
  expect(await readdir(scratch.path)).toEqual(['folder']);
});

test('of many creators exactly one creates the file, and what exists is never changed', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  const texts = Array.from({ length: 16 }, (_, index) => `content ${index}`);
  const results = await Promise.all(texts.map((text) => createFileOnce(path, sourceOf(text), { mode: 0o444 })));
  expect(results.filter((result) => result === 'created')).toHaveLength(1);
  expect(await readFile(path, 'utf8')).toBe(texts[results.indexOf('created')]);
  expect((await stat(path)).mode & 0o777).toBe(0o444);
  expect(await readdir(scratch.path)).toEqual(['file']);
});

test('a dangling link counts as existing', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await symlink('/nowhere/at/all', path);
  expect(await createFileOnce(path, sourceOf('x'))).toBe('exists');
});

test('a source that does not yield its own digest creates nothing', async () => {
  await using scratch = await createScratch();
  const lying = { ...sourceOf('abc'), open: () => inPieces(Buffer.from('abd')) };
  await expect(createFileOnce(join(scratch.path, 'file'), lying)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await readdir(scratch.path)).toEqual([]);
});

test('an aborted write changes nothing', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await writeFile(path, 'old');
  await chmod(path, 0o600);
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(writeFileAtomically(path, 'new', { signal })).rejects.toThrow('stopped');
  expect(await readFile(path, 'utf8')).toBe('old');
});
