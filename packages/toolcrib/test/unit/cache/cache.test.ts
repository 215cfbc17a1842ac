import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestHex, digestOf, type Digest } from '../../../src/core/digest.ts';
import { bytesOf, createScratch, inPieces } from '../disk/scratch.ts';
import { contentOf, openTestCache } from './open-test-cache.ts';

const bytes = bytesOf(200_000);
const digest = digestOf(bytes);

function pathOf(directory: string, of: Digest): string {
  return join(directory, 'v1', 'blobs', 'sha256', digestHex(of));
}

async function plant(directory: string, of: Digest, content: Uint8Array): Promise<string> {
  const path = pathOf(directory, of);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

test('opening a cache and looking into it makes nothing', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(join(scratch.path, 'cache'));
  expect(await cache.find(digest)).toBeUndefined();
  expect(await cache.ls()).toEqual({
    artifacts: [],
    unpacked: [],
    attestations: [],
    placements: [],
    packs: [],
    pointers: [],
    trees: [],
  });
  expect(await cache.verify()).toEqual([]);
  expect(await readdir(scratch.path)).toEqual([]);
});

test('a blob that came in is found, listed and in order', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const path = await cache.admit(digest, contentOf(bytes));
  expect(path).toBe(pathOf(scratch.path, digest));
  expect(await cache.find(digest)).toBe(path);
  expect((await readFile(path)).equals(bytes)).toBe(true);
  expect(await cache.ls()).toMatchObject({ artifacts: [{ digest, path, size: bytes.length, leased: false }] });
  expect(await cache.verify()).toEqual([]);
});

test('a blob that is there is not read from its source again', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const content = contentOf(bytes);
  await cache.admit(digest, content);
  await cache.admit(digest, content);
  expect(content.opened).toBe(1);
});

test('callers that bring the same blob at the same time read its source once', async () => {
  await using scratch = await createScratch();
  const content = contentOf(bytes);
  const caches = Array.from({ length: 8 }, () => openTestCache(scratch.path).cache);
  const paths = await Promise.all(caches.map((cache) => cache.admit(digest, content)));
  expect(new Set(paths)).toEqual(new Set([pathOf(scratch.path, digest)]));
  expect(content.opened).toBe(1);
});

test('a corrupt blob is reported, removed, and not found', async () => {
  await using scratch = await createScratch();
  const { cache, notices } = openTestCache(scratch.path);
  const path = await plant(scratch.path, digest, bytesOf(200_000, 2));
  expect(await cache.verify()).toMatchObject([{ path, kind: 'corrupt' }]);
  expect(await cache.find(digest)).toBeUndefined();
  expect(existsSync(path)).toBe(false);
  expect(notices).toMatchObject([{ kind: 'warning', text: expect.stringContaining(digestHex(digest)) as string }]);
});

test('a corrupt blob is replaced by who brings the right bytes', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  await plant(scratch.path, digest, bytes.subarray(1));
  expect((await readFile(await cache.admit(digest, contentOf(bytes)))).equals(bytes)).toBe(true);
});

test('wrong bytes never become a blob, and nothing of them is left', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const admitting = cache.admit(digest, contentOf(bytesOf(200_000, 2)));
  await expect(admitting).rejects.toMatchObject({ code: 'DIGEST_MISMATCH', name: 'IntegrityError' });
  expect(await cache.ls()).toMatchObject({ artifacts: [] });
  expect(await readdir(dirname(pathOf(scratch.path, digest)))).toEqual([]);
});

test('no sequence of admitting, corrupting and finding yields bytes with another digest', async () => {
  const contents = [bytesOf(3000, 1), bytesOf(3000, 2), bytesOf(0), bytesOf(70_000, 3)];
  const index = fc.nat(contents.length - 1);
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('admit', 'find'), index, with: index }),
    fc.record({ kind: fc.constantFrom('flip', 'cut', 'swap', 'admit-wrong'), index, with: index }),
  );
  const at = (i: number): Buffer => contents[i] ?? Buffer.alloc(0);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await using scratch = await createScratch();
      const { cache } = openTestCache(scratch.path);
      for (const { kind, index: of, with: other } of steps) {
        const wanted = digestOf(at(of));
        const path = pathOf(scratch.path, wanted);
        let found: string | undefined;
        if (kind === 'admit') found = await cache.admit(wanted, contentOf(at(of)));
        if (kind === 'admit-wrong') found = await cache.admit(wanted, contentOf(at(other))).catch(() => undefined);
        if (kind === 'find') found = await cache.find(wanted);
        if (kind === 'swap') await plant(scratch.path, wanted, at(other));
        if (kind === 'cut' && existsSync(path)) await truncate(path, at(of).length >> 1);
        if (kind === 'flip')
          await plant(
            scratch.path,
            wanted,
            at(of).map((byte) => byte ^ 0x80),
          );
        if (found !== undefined) expect(digestOf(await readFile(found))).toBe(wanted);
      }
      for (const content of contents) {
        const found = await cache.find(digestOf(content));
        if (found !== undefined) expect(digestOf(await readFile(found))).toBe(digestOf(content));
      }
      expect(await cache.verify()).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test.each([
  ['a pipe', (path: string) => Promise.resolve(void execFileSync('mkfifo', [path]))],
  [
    'a link to the right bytes',
    (path: string) => writeFile(`${path}-target`, bytes).then(() => symlink(`${path}-target`, path)),
  ],
])('%s in the place of a blob is removed, and the blob comes in anew', async (_what, put) => {
  await using scratch = await createScratch();
  const { cache, notices } = openTestCache(scratch.path);
  const path = pathOf(scratch.path, digest);
  await mkdir(dirname(path), { recursive: true });
  await put(path);
  expect(await cache.find(digest)).toBeUndefined();
  expect(notices).toHaveLength(1);
  await put(path).catch(() => undefined);
  expect(await cache.admit(digest, contentOf(bytes))).toBe(path);
  expect((await lstat(path)).isFile()).toBe(true);
});

test('a directory in the place of a blob stays, and who needs the blob, verifies or repairs is told to move it away', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const path = pathOf(scratch.path, digest);
  await mkdir(path, { recursive: true });
  await expect(cache.admit(digest, contentOf(bytes))).rejects.toMatchObject({
    message: expect.stringContaining(path) as string,
    hint: expect.stringContaining('move it away') as string,
  });
  const finding = { path, kind: 'foreign', reason: expect.stringContaining('move it away') as string };
  expect(await cache.verify()).toEqual([finding]);
  expect(await cache.repair()).toEqual([{ ...finding, outcome: 'left' }]);
});

test('an audit names corrupt and foreign files and what killed processes left', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  await cache.admit(digest, contentOf(bytes));
  const other = digestOf('other');
  const corrupt = await plant(scratch.path, other, Buffer.from('not that'));
  const blobs = dirname(corrupt);
  const leftover = join(blobs, `.toolcrib-00000000-1-1-${'0'.repeat(32)}.tmp`);
  await writeFile(leftover, 'half');
  await writeFile(join(blobs, 'README'), '');
  await symlink('/etc/hostname', join(blobs, 'a'.repeat(64)));
  await mkdir(join(scratch.path, 'v1', 'unpacked'));
  await writeFile(join(scratch.path, 'v1', 'stranger'), '');
  const clock = { now: () => Date.now() + 2 * 24 * 3600 * 1000, elapsed: () => 0, sleep: () => Promise.resolve() };
  const findings = await openTestCache(scratch.path, { clock }).cache.verify();
  expect(findings.map(({ path, kind }) => [path.slice(scratch.path.length + 1), kind])).toEqual(
    [
      ['v1/blobs/sha256/README', 'foreign'],
      [`v1/blobs/sha256/${'a'.repeat(64)}`, 'foreign'],
      [`v1/blobs/sha256/${digestHex(other)}`, 'corrupt'],
      [`v1/blobs/sha256/${leftover.slice(blobs.length + 1)}`, 'leftover'],
      ['v1/stranger', 'foreign'],
    ].sort(([a = ''], [b = '']) => (a < b ? -1 : 1)),
  );
});

test('who waits for a lock does not block the process, and ends with an abort', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  await cache.withLock(digest, async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 50);
    const waiting = cache.withLock(digest, () => Promise.resolve('worked'), { signal: controller.signal });
    await expect(waiting).rejects.toThrow();
    expect(controller.signal.aborted).toBe(true);
  });
});

test('work on different digests goes on side by side', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const other = digestOf('other');
  expect(other.slice(0, 9)).not.toBe(digest.slice(0, 9));
  expect(await cache.withLock(digest, () => cache.withLock(other, () => Promise.resolve('both')))).toBe('both');
});

test('a holder that hangs does not keep others from working for ever', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path, { patienceMs: 50 });
  expect(await cache.withLock(digest, () => cache.withLock(digest, () => Promise.resolve('worked')))).toBe('worked');
});

test('where locks do not work, the cache works without', async () => {
  await using scratch = await createScratch();
  await mkdir(join(scratch.path, 'v1'));
  await writeFile(join(scratch.path, 'v1', 'locks'), 'not a directory');
  const { cache } = openTestCache(scratch.path);
  const path = await cache.admit(digest, contentOf(bytes));
  expect(await cache.find(digest)).toBe(path);
});

test('a garbled lock file is no reason to fail', async () => {
  await using scratch = await createScratch();
  await mkdir(join(scratch.path, 'v1', 'locks'), { recursive: true });
  await writeFile(join(scratch.path, 'v1', 'locks', `blob-${digestHex(digest).slice(0, 2)}.sqlite`), bytesOf(5000));
  const { cache } = openTestCache(scratch.path);
  expect(await cache.admit(digest, contentOf(bytes))).toBe(pathOf(scratch.path, digest));
});

test('an aborted download leaves nothing and frees its lock', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const controller = new AbortController();
  const content = {
    ...contentOf(bytes),
    open: async function* () {
      yield* inPieces(bytes);
      controller.abort(new Error('enough'));
      await new Promise(() => undefined);
    },
  };
  await expect(cache.admit(digest, content, { signal: controller.signal })).rejects.toThrow('enough');
  expect(await readdir(dirname(pathOf(scratch.path, digest)))).toEqual([]);
  expect(await cache.admit(digest, contentOf(bytes))).toBe(pathOf(scratch.path, digest));
});

test('a lease is a file that names blob and process, until it is released', async () => {
  await using scratch = await createScratch();
  const { cache } = openTestCache(scratch.path);
  const lease = await cache.lease(digest);
  const [name = ''] = await readdir(join(scratch.path, 'v1', 'leases'));
  expect(name).toMatch(new RegExp(`^${digestHex(digest)}-[0-9a-f]{8}-${process.pid}-[0-9]+-[0-9a-f]{16}$`));
  expect((await stat(join(scratch.path, 'v1', 'leases', name))).size).toBe(0);
  await lease.release();
  expect(await readdir(join(scratch.path, 'v1', 'leases'))).toEqual([]);
});
