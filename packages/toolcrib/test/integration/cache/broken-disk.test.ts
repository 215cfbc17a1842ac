import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCache, type BlobContent } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { mountSmallDisk } from '../../servers/small-disk.ts';
import { allBytes, bytesOf, inPieces } from '../../unit/disk/scratch.ts';

const needsRoot = requireOrSkip(process.getuid?.() === 0 ? undefined : 'root, to mount file systems');

function contentOf(bytes: Uint8Array): BlobContent {
  return { what: 'content', maxBytes: 1e9, open: () => inPieces(bytes) };
}

/** As if it had not been used for a day. */
async function idle(path: string): Promise<void> {
  const then = Date.now() / 1000 - 24 * 3600;
  await utimes(path, then, then);
}

const small = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytesOf(300_000)]);
const big = bytesOf(3_000_000);

describe('a full disk', needsRoot, () => {
  test('refuses a blob that does not fit, and keeps no part of it', async () => {
    await using disk = await mountSmallDisk();
    const cache = openCache(disk.path, { clock: systemClock });
    await expect(cache.admit(digestOf(big), contentOf(big))).rejects.toMatchObject({
      name: 'RemoteError',
      code: 'STORAGE',
      details: { operation: 'write', system: 'ENOSPC' },
    });
    expect(await readdir(join(disk.path, 'v1', 'blobs', 'sha256'))).toEqual([]);
    expect(await cache.admit(digestOf(small), contentOf(small))).toContain(disk.path);
    expect(await cache.verify()).toEqual([]);
  });

  test('still gives the tar of an artifact that has no room to be unpacked', async () => {
    await using disk = await mountSmallDisk();
    const cache = openCache(disk.path, { clock: systemClock });
    const filler = bytesOf(600_000, 7);
    await cache.admit(digestOf(filler), contentOf(filler));
    const path = await cache.admit(digestOf(small), contentOf(small));
    const unpacked = await cache.unpacked({ path, digest: digestOf(small), tool: 'probe' });
    expect(digestOf(await allBytes(unpacked.open()))).toBe(unpacked.tarDigest);
    expect(await readdir(join(disk.path, 'v1', 'unpacked'))).toEqual([]);
  });
});

describe('a collection', needsRoot, () => {
  test('makes room on a disk that is full to the last byte', async () => {
    await using disk = await mountSmallDisk();
    const cache = openCache(disk.path, { clock: systemClock });
    const path = await cache.admit(digestOf(small), contentOf(small));
    await idle(path);
    await disk.fill();
    await expect(cache.admit(digestOf(small.subarray(1)), contentOf(small.subarray(1)))).rejects.toMatchObject({
      details: { system: 'ENOSPC' },
    });
    expect(await cache.collect({ maxBytes: 0 })).toMatchObject({ bytesBefore: small.length, bytesAfter: 0 });
    expect(await cache.admit(digestOf(small), contentOf(small))).toBe(path);
  });

  test('of a read-only cache fails and says why, and takes nothing out of it', async () => {
    await using disk = await mountSmallDisk();
    const cache = openCache(disk.path, { clock: systemClock });
    const path = await cache.admit(digestOf(small), contentOf(small));
    await idle(path);
    disk.makeReadOnly();
    expect(await cache.collect({ maxBytes: 0 }, { dryRun: true })).toMatchObject({ removed: [{ path }] });
    await expect(cache.collect({ maxBytes: 0 })).rejects.toMatchObject({
      name: 'RemoteError',
      code: 'STORAGE',
      message: expect.stringContaining(join(disk.path, 'v1', 'locks')) as string,
    });
    expect(await cache.find(digestOf(small))).toBe(path);
    expect(await cache.collect({ maxBytes: 1e9 })).toMatchObject({ removed: [] });
  });

  test('removes nothing where nothing can be locked', async () => {
    await using disk = await mountSmallDisk();
    await mkdir(join(disk.path, 'v1'));
    await writeFile(join(disk.path, 'v1', 'locks'), 'not a directory');
    const cache = openCache(disk.path, { clock: systemClock });
    const path = await cache.admit(digestOf(small), contentOf(small));
    await idle(path);
    await expect(cache.collect({ maxBytes: 0 })).rejects.toMatchObject({ code: 'STORAGE' });
    expect(await cache.find(digestOf(small))).toBe(path);
  });
});

describe('a read-only cache', needsRoot, () => {
  test('serves what it has, and says which path refuses the rest', async () => {
    await using disk = await mountSmallDisk();
    const cache = openCache(disk.path, { clock: systemClock });
    const path = await cache.admit(digestOf(small), contentOf(small));
    disk.makeReadOnly();
    expect(await cache.find(digestOf(small))).toBe(path);
    expect(await cache.admit(digestOf(small), contentOf(small))).toBe(path);
    const lease = await cache.lease(digestOf(small));
    await lease.release();
    const unpacked = await cache.unpacked({ path, digest: digestOf(small), tool: 'probe' });
    expect(digestOf(await allBytes(unpacked.open()))).toBe(unpacked.tarDigest);
    await expect(cache.admit(digestOf(big), contentOf(big))).rejects.toMatchObject({
      code: 'STORAGE',
      message: expect.stringContaining(join(disk.path, 'v1', 'blobs', 'sha256')) as string,
      details: { system: 'EROFS' },
    });
  });
});
