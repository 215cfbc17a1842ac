import { execFileSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openCache, type BlobContent } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { allBytes, bytesOf, createScratch, inPieces } from '../../unit/disk/scratch.ts';

const needsRoot = requireOrSkip(process.getuid?.() === 0 ? undefined : 'root, to mount file systems');

interface Mount extends AsyncDisposable {
  readonly path: string;
  makeReadOnly(): void;
}

/** A file system of one MiB. */
async function mountSmallDisk(): Promise<Mount> {
  const scratch = await createScratch();
  const path = join(scratch.path, 'disk');
  await mkdir(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]);
  return {
    path,
    makeReadOnly: () => void execFileSync('mount', ['-o', 'remount,ro', path]),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', [path]);
      await scratch[Symbol.asyncDispose]();
    },
  };
}

function contentOf(bytes: Uint8Array): BlobContent {
  return { what: 'content', maxBytes: 1e9, open: () => inPieces(bytes) };
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
