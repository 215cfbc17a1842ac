import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactDescriptor, type ArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import type { ArtifactSource, Cache } from '../../../src/cache/cache.ts';
import { readTar } from '../../../src/tar/read.ts';
import { gzip, sortTree, writeTar, type TarEntry } from '../../../src/tar/write.ts';
import { allBytes, bytesOf, createScratch, inPieces } from '../disk/scratch.ts';
import { openTestCache } from './open-test-cache.ts';

const LIMITS = { maxEntries: 1000, maxEntryBytes: 1e9, maxTotalBytes: 1e9 };
const elf = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytesOf(300_000)]);

async function gzippedTar(entries: Iterable<TarEntry>): Promise<Buffer> {
  return allBytes(gzip(writeTar(entries)));
}

async function artifactIn(directory: string, bytes: Uint8Array, tool = 'probe'): Promise<ArtifactSource> {
  const path = join(directory, 'artifact');
  await writeFile(path, bytes);
  return { path, digest: digestOf(bytes), tool };
}

interface Listed {
  path: string;
  kind: string;
  mode: number;
  text: string;
}

async function listing(tar: AsyncIterable<Uint8Array>): Promise<Listed[]> {
  const listed: Listed[] = [];
  for await (const { path, kind, mode, linkTarget, bytes } of readTar(tar, LIMITS)) {
    const text = kind === 'link' ? linkTarget : (await allBytes(bytes)).toString('latin1');
    listed.push({ path, kind, mode, text });
  }
  return listed;
}

function unpackedFile(cache: Cache, source: ArtifactSource, extension: 'tar' | 'json'): string {
  return join(cache.directory, 'v1', 'unpacked', `${digestHex(source.digest)}.${extension}`);
}

const descriptor: ArtifactDescriptor = {
  schema: 'toolcrib.artifact.v1',
  tool: 'probe',
  version: 3,
  target: 'amd64-any',
  entrypoint: ['bin/probe'],
  healthcheck: ['healthcheck'],
  glibcFloor: null,
};

const file = (path: string, mode: number, text: string): TarEntry => ({
  path,
  kind: 'file',
  mode,
  bytes: Buffer.from(text),
});

test('a bare executable becomes a tree with the one file bin/TOOL', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const unpacked = await cache.unpacked(await artifactIn(scratch.path, elf));
  expect(unpacked).toMatchObject({ bare: true, descriptor: null });
  expect(await listing(unpacked.open())).toEqual([
    { path: 'bin', kind: 'directory', mode: 0o755, text: '' },
    { path: 'bin/probe', kind: 'file', mode: 0o755, text: elf.toString('latin1') },
  ]);
  expect(unpacked.entries).toEqual([
    { path: 'bin', kind: 'directory', mode: 0o755 },
    { path: 'bin/probe', kind: 'file', mode: 0o755, size: elf.length, digest: digestOf(elf) },
  ]);
});

test('a bare executable that is asked for under another name is unpacked under that name', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, elf);
  await cache.unpacked(source);
  const unpacked = await cache.unpacked({ ...source, tool: 'other' });
  expect((await listing(unpacked.open())).map(({ path }) => path)).toEqual(['bin', 'bin/other']);
});

test('a tree is normalised: directories for everything, no rights to write, no special bits', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const bytes = await gzippedTar([
    file('bin/deep/probe', 0o6700, 'run me'),
    { path: 'bin', kind: 'directory', mode: 0o700 },
    file('data.txt', 0o666, 'read me'),
    { path: 'bin/link', kind: 'link', mode: 0o777, linkTarget: '../data.txt' },
    file('toolcrib-artifact.json', 0o600, formatArtifactDescriptor(descriptor)),
  ]);
  const unpacked = await cache.unpacked(await artifactIn(scratch.path, bytes));
  expect(unpacked).toMatchObject({ bare: false, descriptor });
  expect(await listing(unpacked.open())).toEqual([
    { path: 'bin', kind: 'directory', mode: 0o755, text: '' },
    { path: 'bin/deep', kind: 'directory', mode: 0o755, text: '' },
    { path: 'bin/deep/probe', kind: 'file', mode: 0o755, text: 'run me' },
    { path: 'data.txt', kind: 'file', mode: 0o644, text: 'read me' },
    { path: 'bin/link', kind: 'link', mode: 0o777, text: '../data.txt' },
    { path: 'toolcrib-artifact.json', kind: 'file', mode: 0o644, text: formatArtifactDescriptor(descriptor) },
  ]);
});

test('every tree unpacks to the same tar each time, with the digests that its record says', async () => {
  const name = fc.stringMatching(/^[a-z]{1,3}$/);
  const entry = fc.record({ path: fc.array(name, { minLength: 1, maxLength: 3 }), text: fc.string() });
  const trees = fc.array(entry, { maxLength: 8 }).map((entries) => {
    const files = new Map(entries.map(({ path, text }) => [path.map((p) => `d${p}`).join('/') + '/f', text]));
    return [...files].map(([path, text]) => file(path, 0o644, text));
  });
  await fc.assert(
    fc.asyncProperty(trees, async (tree) => {
      await using scratch = await createScratch();
      const source = await artifactIn(scratch.path, await gzippedTar(sortTree(tree)));
      const one = await openTestCache(join(scratch.path, 'one')).cache.unpacked(source);
      const two = await openTestCache(join(scratch.path, 'two')).cache.unpacked(source);
      expect(one.tarDigest).toBe(two.tarDigest);
      expect(digestOf(await allBytes(one.open()))).toBe(one.tarDigest);
      const texts = (await listing(one.open())).filter(({ kind }) => kind === 'file');
      const digests = one.entries.flatMap((of) => (of.kind === 'file' ? [[of.path, of.digest]] : []));
      expect(digests).toEqual(texts.map(({ path, text }) => [path, digestOf(Buffer.from(text, 'latin1'))]));
    }),
    { numRuns: 15 },
  );
});

test('a second time neither the artifact nor the tar is read to find it', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, elf);
  const first = await cache.unpacked(source);
  await rm(source.path);
  const second = await cache.unpacked(source);
  expect(JSON.stringify(second)).toBe(JSON.stringify(first)); // without its functions, which are new each time
});

describe('what was unpacked and then changed on disk', () => {
  test.each([
    ['a cut tar', (cache: Cache, source: ArtifactSource) => truncate(unpackedFile(cache, source, 'tar'), 1000)],
    ['a lost tar', (cache: Cache, source: ArtifactSource) => rm(unpackedFile(cache, source, 'tar'))],
    ['a lost record', (cache: Cache, source: ArtifactSource) => rm(unpackedFile(cache, source, 'json'))],
    ['a garbled record', (cache: Cache, source: ArtifactSource) => writeFile(unpackedFile(cache, source, 'json'), '{')],
  ])('%s is made again', async (_name, change) => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(join(scratch.path, 'cache'));
    const source = await artifactIn(scratch.path, elf);
    const first = await cache.unpacked(source);
    await change(cache, source);
    const again = await cache.unpacked(source);
    expect(digestOf(await allBytes(again.open()))).toBe(first.tarDigest);
    expect(await cache.verify()).toEqual([]);
  });

  test('a tar with other bytes is found by an audit, never streamed to its end, and then made again', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(join(scratch.path, 'cache'));
    const source = await artifactIn(scratch.path, elf);
    const unpacked = await cache.unpacked(source);
    const path = unpackedFile(cache, source, 'tar');
    const tar = await readFile(path);
    tar[600_000 % tar.length] = 0xaa;
    await writeFile(path, tar);
    expect(await cache.verify()).toMatchObject([{ kind: 'corrupt' }]);
    await expect(allBytes(unpacked.open())).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(existsSync(unpackedFile(cache, source, 'json'))).toBe(false);
    expect(await listing((await cache.unpacked(source)).open())).toHaveLength(2);
  });
});

test('an artifact whose bytes are not what was pinned is not unpacked', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, elf);
  const unpacking = cache.unpacked({ ...source, digest: digestOf('something else') });
  await expect(unpacking).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await readdir(join(cache.directory, 'v1', 'unpacked'))).toEqual([]);
});

test.each([
  ['a text file', () => Promise.resolve(Buffer.from('#!/bin/sh\n')), 'MALFORMED'],
  ['an empty file', () => Promise.resolve(Buffer.alloc(0)), 'MALFORMED'],
  [
    'a link out of the tree',
    () => gzippedTar([{ path: 'bin/x', kind: 'link', mode: 0o777, linkTarget: '../../etc/passwd' }]),
    'MALFORMED',
  ],
  ['an absolute link', () => gzippedTar([{ path: 'x', kind: 'link', mode: 0o777, linkTarget: '/etc' }]), 'MALFORMED'],
  ['a broken descriptor', () => gzippedTar([file('toolcrib-artifact.json', 0o644, '{}')]), 'MALFORMED'],
  ['a huge descriptor', () => gzippedTar([file('toolcrib-artifact.json', 0o644, ' '.repeat(70_000))]), 'TOO_LARGE'],
])('%s is refused with what to do, and nothing of it is left', async (_name, make, code) => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, await make());
  await expect(cache.unpacked(source)).rejects.toMatchObject({
    name: 'IntegrityError',
    code,
    hint: expect.any(String) as string,
  });
  expect(await readdir(join(cache.directory, 'v1', 'unpacked'))).toEqual([]);
});

test('a hard link becomes a file of its own', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const tar = await allBytes(writeTar([file('a', 0o755, 'content'), file('b/c', 0o755, '')]));
  const unpacked = await cache.unpacked(
    await artifactIn(scratch.path, await allBytes(gzip(inPieces(withHardLink(tar, 'a'))))),
  );
  expect(await listing(unpacked.open())).toEqual([
    { path: 'a', kind: 'file', mode: 0o755, text: 'content' },
    { path: 'b', kind: 'directory', mode: 0o755, text: '' },
    { path: 'b/c', kind: 'file', mode: 0o755, text: 'content' },
  ]);
});

test.each(['tar', 'json'] as const)('a pipe in the place of its %s is replaced', async (extension) => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, elf);
  const before = await allBytes((await cache.unpacked(source)).open());
  await rm(unpackedFile(cache, source, extension));
  execFileSync('mkfifo', [unpackedFile(cache, source, extension)]);
  const again = await allBytes((await cache.unpacked(source)).open());
  expect(again.equals(before)).toBe(true);
  expect(await cache.verify()).toEqual([]);
});

test.each(['stored', 'not stored'])('any part of a tar can be read alone when it is %s', async (kind) => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  if (kind === 'not stored') {
    await mkdir(join(cache.directory, 'v1'), { recursive: true });
    await symlink('/nowhere/at/all', join(cache.directory, 'v1', 'unpacked'));
  }
  const source = await artifactIn(scratch.path, elf);
  const unpacked = await cache.unpacked(source);
  expect(existsSync(unpackedFile(cache, source, 'tar'))).toBe(kind === 'stored');
  const whole = await allBytes(unpacked.open());
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length + 10), fc.nat(100_000), async (offset, length) => {
      const part = Buffer.from(await unpacked.readAt(offset, length));
      expect(part.equals(whole.subarray(offset, offset + length))).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test('an artifact behind a link is unpacked as if it stood there', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  const source = await artifactIn(scratch.path, elf);
  await symlink(source.path, join(scratch.path, 'link'));
  const unpacked = await cache.unpacked({ ...source, path: join(scratch.path, 'link') });
  expect(unpacked.bare).toBe(true);
});

/** Turns the second member of a tar, an empty file behind one block of content, into a hard link. */
function withHardLink(tar: Buffer, target: string): Buffer {
  const header = tar.subarray(1024, 1536);
  header.write('1', 156, 'latin1');
  header.write(target, 157, 'latin1');
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return tar;
}
