import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { saveAttestations, MAX_ATTESTATION_BYTES } from '../../../src/cache/attestation-files.ts';
import type { ArtifactSource, Cache } from '../../../src/cache/cache.ts';
import { saveTrustedRoot } from '../../../src/cache/trusted-roots.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { gzip, writeTar } from '../../../src/tar/write.ts';
import { allBytes, bytesOf, createScratch } from '../disk/scratch.ts';
import { contentOf, openTestCache } from './open-test-cache.ts';

const executable = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytesOf(50_000)]);
const tree = await allBytes(gzip(writeTar([{ path: 'a', kind: 'file', mode: 0o755, bytes: bytesOf(9000) }])));

async function unpackedIn(directory: string, bytes: Uint8Array) {
  const { cache } = openTestCache(directory);
  const digest = digestOf(bytes);
  const source: ArtifactSource = { path: await cache.admit(digest, contentOf(bytes)), digest, tool: 'probe' };
  const { tarDigest } = await cache.unpacked(source);
  const file = (extension: string) => join(directory, 'v1/unpacked', `${digestHex(digest)}.${extension}`);
  return { cache, source, tarDigest, tar: file('tar'), record: file('json') };
}

const outcomes = async (cache: Cache) => (await cache.repair()).map(({ path, outcome }) => [path, outcome]);

test.each([
  ['an executable', executable],
  ['a tree', tree],
])('the damaged tar of %s is made again from the verified artifact, byte for byte', async (_what, bytes) => {
  await using scratch = await createScratch();
  const { cache, source, tarDigest, tar, record } = await unpackedIn(scratch.path, bytes);
  const damaged = await readFile(tar);
  damaged[700] = (damaged[700] ?? 0) ^ 1;
  await writeFile(tar, damaged);
  expect(await outcomes(cache)).toEqual([[record, 'rebuilt']]);
  expect(digestOf(await readFile(tar))).toBe(tarDigest);
  expect(await cache.findUnpacked(source)).toMatchObject({ tarDigest });
  expect(await cache.repair()).toEqual([]);
});

test('a damaged tar whose artifact is damaged, too, is removed with it', async () => {
  await using scratch = await createScratch();
  const { cache, source, tar, record } = await unpackedIn(scratch.path, executable);
  for (const path of [source.path, tar]) await writeFile(path, 'not that');
  expect(await outcomes(cache)).toEqual([
    [source.path, 'removed'],
    [record, 'removed'],
  ]);
  for (const path of [source.path, tar, record]) expect(existsSync(path)).toBe(false);
  expect(await cache.verify()).toEqual([]);
});

test('a record that cannot be read goes with its tar: nobody knows the name of the tool', async () => {
  await using scratch = await createScratch();
  const { cache, source, tarDigest, tar, record } = await unpackedIn(scratch.path, executable);
  await writeFile(record, '{');
  expect(await outcomes(cache)).toEqual([[record, 'removed']]);
  expect(existsSync(tar)).toBe(false);
  expect(await cache.unpacked(source)).toMatchObject({ tarDigest });
});

test('a tar that a killed process left without its record goes, when it is old', async () => {
  await using scratch = await createScratch();
  const { cache, tar, record } = await unpackedIn(scratch.path, executable);
  await rm(record);
  expect(await cache.repair()).toEqual([]);
  const before = Date.now() / 1000 - 2 * 3600;
  await utimes(tar, before, before);
  expect(await outcomes(cache)).toEqual([[tar, 'removed']]);
});

test('a trusted root with other bytes and an attestation that is none are removed, foreign files are left', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const root = await saveTrustedRoot(scratch.path, digestOf('{}'), Buffer.from('{}'), { now: Date.now() });
  await writeFile(root, '{"evil":1}');
  const file = { name: 'tool-amd64-any-v1.dsse.json', bytes: Buffer.from('{}') };
  await saveAttestations(scratch.path, digestOf('x'), [file], { now: Date.now() });
  const attestation = join(scratch.path, 'v1/attestations/sha256', digestHex(digestOf('x')), file.name);
  await writeFile(attestation, Buffer.alloc(MAX_ATTESTATION_BYTES + 1));
  const mine = join(scratch.path, 'v1/trusted-roots/README');
  await writeFile(mine, 'mine');
  expect(await outcomes(cache)).toEqual([
    [attestation, 'removed'],
    [root, 'removed'],
    [mine, 'left'],
  ]);
  expect(await readFile(mine, 'utf8')).toBe('mine');
});

test('what toolcrib did not put among trees is named and left, first of all where nothing may be', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const trees = join(scratch.path, 'v1/trees');
  const folder = join(trees, '0123456789ab'.padEnd(64, '0'));
  const name = 'tool-v1-0123456789ab-0123456789abcdef';
  await mkdir(join(folder, name), { recursive: true });
  await mkdir(join(trees, 'empty'));
  expect(await cache.verify()).toEqual([]);
  const strangers = [join(trees, 'empty/x'), join(trees, 'mine'), join(folder, 'notes.txt')];
  for (const path of strangers) await writeFile(path, 'mine');
  strangers.push(join(folder, 'tool-v1-ffffffffffff-0123456789abcdef'), join(trees, 'other'));
  for (const path of strangers.slice(3)) await mkdir(path);
  const left = strangers.sort().map((path) => [path, 'left']);
  expect(await outcomes(cache)).toEqual(left);
  expect((await cache.verify()).find(({ path }) => path.endsWith('/empty/x'))?.reason).toContain('keeps trees from');
  expect((await cache.ls()).trees.map(({ path }) => path)).toEqual([join(folder, name)]);
  await rm(join(trees, 'empty'), { recursive: true });
  await writeFile(join(trees, 'empty'), '');
  expect((await cache.verify()).map(({ path }) => path)).toContain(join(trees, 'empty'));
});
