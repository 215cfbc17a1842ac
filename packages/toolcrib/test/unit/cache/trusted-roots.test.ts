import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MAX_TRUSTED_ROOT_BYTES, readTrustedRoot, saveTrustedRoot } from '../../../src/cache/trusted-roots.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { createScratch } from '../disk/scratch.ts';
import { openTestCache } from './open-test-cache.ts';

const root = Buffer.from('{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}');
const digest = digestOf(root);
const now = Date.now();

test('a trusted root is kept only under the digest that is configured', async () => {
  await using scratch = await createScratch();
  const cache = join(scratch.path, 'cache');
  const other = digestOf('another root');
  await expect(saveTrustedRoot(cache, other, root, { now })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  expect(await readdir(scratch.path)).toEqual([]);
  await saveTrustedRoot(cache, digest, root, { now });
  expect(await readTrustedRoot(cache, digest)).toEqual(root);
  expect(await readTrustedRoot(cache, other)).toBeUndefined();
  expect(await openTestCache(cache).cache.verify()).toEqual([]);
});

test('a trusted root that was changed on disk counts for nothing, and the audit of the cache tells it', async () => {
  await using scratch = await createScratch();
  const path = await saveTrustedRoot(scratch.path, digest, root, { now });
  await writeFile(path, 'changed');
  await writeFile(join(scratch.path, 'v1', 'trusted-roots', 'mine.json'), '{}');
  expect(await readTrustedRoot(scratch.path, digest)).toBeUndefined();
  expect(await openTestCache(scratch.path).cache.verify()).toMatchObject([
    { path, kind: 'corrupt' },
    { kind: 'foreign' },
  ]);
  expect(path.endsWith(`${digestHex(digest)}.json`)).toBe(true);
});

test('a trusted root that is too large is not kept', async () => {
  await using scratch = await createScratch();
  const large = new Uint8Array(MAX_TRUSTED_ROOT_BYTES + 1);
  await expect(saveTrustedRoot(scratch.path, digestOf(large), large, { now })).rejects.toMatchObject({
    code: 'TOO_LARGE',
  });
});
