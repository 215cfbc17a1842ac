import { execFileSync } from 'node:child_process';
import { appendFile, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { digestFile, readVerified, verifyFile } from '../../../src/disk/digest-file.ts';
import { isIrregular } from '../../../src/disk/open-regular-file.ts';
import { allBytes, bytesOf, createScratch } from './scratch.ts';

const MIB = 1024 * 1024;

test('a file has the digest and size of its bytes, also around the size of a block', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7]) {
    const bytes = bytesOf(size);
    await writeFile(path, bytes);
    expect(await digestFile(path)).toEqual({ digest: digestOf(bytes), size });
  }
});

test('a file is compared with what is expected', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await writeFile(path, 'abc');
  const digest = digestOf('abc');
  expect(await verifyFile(path, { digest, size: 3 })).toEqual({ digest, size: 3 });
  await expect(verifyFile(path, { digest, size: 4 })).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
  await expect(verifyFile(path, { digest: digestOf('abd') })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
});

test('no file, a directory and an abort are three different failures', async () => {
  await using scratch = await createScratch();
  await mkdir(join(scratch.path, 'folder'));
  await writeFile(join(scratch.path, 'file'), 'abc');
  await expect(digestFile(join(scratch.path, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(digestFile(join(scratch.path, 'folder'))).rejects.toMatchObject({
    code: 'STORAGE',
    details: { path: join(scratch.path, 'folder'), operation: 'read', system: 'EISDIR' },
  });
  const signal = AbortSignal.abort(new Error('stopped'));
  await expect(digestFile(join(scratch.path, 'file'), { signal })).rejects.toThrow('stopped');
});

test('an abort is heard while a large file is hashed', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await writeFile(path, '');
  await truncate(path, 256 * MIB);
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('stopped')), 10);
  await expect(digestFile(path, { signal: abort.signal })).rejects.toThrow('stopped');
});

test('reading out a changed file never yields all of it', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  const sizes = fc.integer({ min: 1, max: 2 * MIB + 2 });
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), fc.constantFrom('flip', 'append', 'cut'), async (size, at, change) => {
      const bytes = bytesOf(size);
      const expected = { digest: digestOf(bytes), size };
      const changed = Buffer.from(change === 'cut' ? bytes.subarray(0, at % size) : bytes);
      if (change === 'flip') changed[at % size] = (changed[at % size] ?? 0) ^ 1;
      await writeFile(path, changed);
      if (change === 'append') await appendFile(path, 'x');
      let seen = 0;
      const reading = (async () => {
        for await (const piece of readVerified(path, expected)) seen += piece.byteLength;
      })();
      await expect(reading).rejects.toMatchObject({ name: 'IntegrityError' });
      expect(seen).toBeLessThan(size);
    }),
    {
      numRuns: 15,
      // The file grew where a piece ends.
      examples: [
        [MIB, 0, 'append'],
        [2 * MIB, 0, 'append'],
      ],
    },
  );
});

test('reading out an unchanged file yields pieces that stay as they are', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  const bytes = bytesOf(3 * MIB + 5);
  await writeFile(path, bytes);
  const read = await allBytes(readVerified(path, { digest: digestOf(bytes), size: bytes.length }));
  expect(read.equals(bytes)).toBe(true);
});

test('a pipe is refused without waiting for who writes to it, and a link where none is wanted', async () => {
  await using scratch = await createScratch();
  const pipe = join(scratch.path, 'pipe');
  const link = join(scratch.path, 'link');
  const file = join(scratch.path, 'file');
  execFileSync('mkfifo', [pipe]);
  await writeFile(file, 'abc');
  await symlink(file, link);
  expect((await digestFile(link)).digest).toBe(digestOf('abc'));
  for (const [path, options] of [[pipe], ['/dev/null'], [link, { followLinks: false }]] as const) {
    const failure = await digestFile(path, options).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining('not a regular file') as string,
    });
    expect(isIrregular(failure)).toBe(true);
  }
});
