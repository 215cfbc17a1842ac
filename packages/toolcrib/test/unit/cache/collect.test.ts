import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readAttestations, saveAttestations } from '../../../src/cache/attestation-files.ts';
import type { Cache } from '../../../src/cache/cache.ts';
import { itemsOf } from '../../../src/cache/contents.ts';
import { layoutOf } from '../../../src/cache/layout.ts';
import { lockPath, tryLock, type LockKind } from '../../../src/cache/lock.ts';
import { mountedTrees } from '../../../src/cache/mounted-trees.ts';
import { digestHex, digestOf, type Digest } from '../../../src/core/digest.ts';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { createNotes } from '../../../src/inject/unfinished.ts';
import { createLedger, type LedgerEntry } from '../../../src/inject/ledger.ts';
import type { SandboxIdentity } from '../../../src/sandboxes/sandbox.ts';
import { bytesOf, createScratch } from '../disk/scratch.ts';
import { contentOf, openTestCache } from './open-test-cache.ts';

/** Elsewhere every tree counts as mounted. */
const seesMachine = !(await (await mountedTrees())('/no-tree'));
const HOUR = 3600 * 1000;
const DAY = 24 * HOUR;

/** An artifact of this many bytes that can be unpacked. */
function artifact(size: number, seed: number): { readonly bytes: Buffer; readonly digest: Digest } {
  const bytes = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytesOf(size - 4, seed)]);
  return { bytes, digest: digestOf(bytes) };
}

const [one, two, three] = [artifact(1000, 1), artifact(2000, 2), artifact(4000, 3)];

async function filled(directory: string): Promise<Cache> {
  const { cache } = openTestCache(directory);
  for (const { bytes, digest } of [one, two, three]) await cache.admit(digest, contentOf(bytes));
  return cache;
}

function blob(cache: Cache, { digest }: { readonly digest: Digest }): string {
  return join(cache.directory, 'v1/blobs/sha256', digestHex(digest));
}

/** As if it had not been used for that long. */
async function idle(path: string, ms: number): Promise<void> {
  const then = (Date.now() - ms) / 1000;
  await utimes(path, then, then);
}

async function idleAll(cache: Cache, ms: number): Promise<void> {
  const { artifacts, unpacked, attestations, placements } = await cache.ls();
  for (const { path } of [...artifacts, ...attestations, ...placements]) await idle(path, ms);
  for (const { path } of unpacked) {
    await idle(path, ms);
    await idle(path.replace(/tar$/, 'json'), ms);
  }
}

const held = async (cache: Cache) => (await cache.ls()).artifacts.map(({ digest }) => digest).sort();

describe('a collection', () => {
  test('takes what was not used for longest, until no more than the cap is left', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idle(blob(cache, one), 3 * DAY);
    await idle(blob(cache, two), 5 * DAY);
    await idle(blob(cache, three), 4 * DAY);
    const { removed, ...rest } = await cache.collect({ maxBytes: 4999 });
    expect(removed).toMatchObject([
      { kind: 'artifact', digest: two.digest, size: 2000, reason: 'size' },
      { kind: 'artifact', digest: three.digest, size: 4000, reason: 'size' },
    ]);
    expect(rest).toEqual({ bytesBefore: 7000, bytesAfter: 1000, protected: { items: 0, bytes: 0 }, leftovers: [] });
    expect(await held(cache)).toEqual([one.digest]);
    expect(await cache.verify()).toEqual([]);
  });

  test('takes what was not used for too long, and only tells of it in a dry run', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idle(blob(cache, one), 31 * DAY);
    await idle(blob(cache, two), 29 * DAY);
    const rehearsed = await cache.collect({ maxAgeMs: 30 * DAY }, { dryRun: true });
    expect(await held(cache)).toHaveLength(3);
    expect(await cache.collect({ maxAgeMs: 30 * DAY })).toEqual(rehearsed);
    expect(rehearsed.removed).toMatchObject([{ digest: one.digest, reason: 'age' }]);
    expect(existsSync(blob(cache, one))).toBe(false);
  });

  test('leaves what was used within the last 50 minutes, whatever the limits', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idle(blob(cache, one), 50 * 60 * 1000);
    await idle(blob(cache, two), 70 * 60 * 1000);
    await idle(blob(cache, three), 70 * 60 * 1000);
    expect(await cache.find(three.digest)).toBe(blob(cache, three));
    const collected = await cache.collect({ maxBytes: 0, maxAgeMs: 0 });
    expect(await held(cache)).toEqual([one.digest, three.digest].sort());
    expect(collected).toMatchObject({ bytesAfter: 5000, protected: { items: 2, bytes: 5000 } });
  });

  test('leaves what is leased, and takes it when the lease is over', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, DAY);
    const lease = await cache.lease(one.digest);
    expect((await cache.ls()).artifacts.filter(({ leased }) => leased)).toMatchObject([{ digest: one.digest }]);
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([one.digest]);
    await lease.release();
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([]);
  });

  test('takes a lease and a temporary file of a process that is gone for what they are', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, DAY);
    const lease = await cache.lease(one.digest);
    const [mine = ''] = await readdir(join(scratch.path, 'v1/leases'));
    const dead = String(execFileSync('sh', ['-c', 'echo $$'])).trim();
    const theirs = join(scratch.path, 'v1/leases', mine.replace(`-${process.pid}-`, `-${dead}-`));
    await writeFile(theirs, '');
    await lease.release();
    const host = /^[0-9a-f]{64}-([0-9a-f]{8})-/.exec(mine)?.[1] ?? '';
    await mkdir(join(scratch.path, 'spool'));
    const half = (pid: string | number) => `.toolcrib-${host}-${pid}-0-${'0'.repeat(32)}.tmp`;
    const left = [join(scratch.path, 'spool', half(dead)), join(scratch.path, 'v1/blobs/sha256', half(dead))];
    const written = join(scratch.path, 'v1/blobs/sha256', half(process.pid));
    for (const path of [...left, written]) await writeFile(path, 'half');
    expect((await cache.verify()).map(({ path, kind }) => [path, kind])).toEqual(
      [...left, theirs].sort().map((path) => [path, 'leftover']),
    );
    const collected = await cache.collect({ maxBytes: 6000 });
    expect([...collected.leftovers].sort()).toEqual([...left, theirs].sort());
    for (const path of [...left, theirs]) expect(existsSync(path)).toBe(false);
    expect(await readFile(written, 'utf8')).toBe('half');
    expect(await held(cache)).toHaveLength(2);
  });

  test.runIf(seesMachine)('takes what killed processes left of trees, with all that is in it', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(scratch.path);
    const folder = join(scratch.path, 'v1/trees', digestHex(one.digest));
    const mine = formatIdentity(ownIdentity());
    const dead = String(execFileSync('sh', ['-c', 'echo $$'])).trim();
    const half = (identity: string) => join(folder, `.toolcrib-${identity}-${'0'.repeat(16)}.part`);
    const theirs = half(mine.replace(`-${process.pid}-`, `-${dead}-`));
    const removed = join(folder, '.removed-tool-v1-0123456789ab-0123456789abcdef');
    const elsewhere = half('00000000-1-1');
    for (const path of [half(mine), elsewhere, theirs, removed]) {
      mkdirSync(join(path, 'bin'), { recursive: true });
      writeFileSync(join(path, 'bin/tool'), 'half');
    }
    expect((await cache.ls()).trees).toEqual([]);
    const left = [removed, theirs].sort();
    expect((await cache.verify()).map(({ path, kind }) => [path, kind])).toEqual(
      left.map((path) => [path, 'leftover']),
    );
    expect([...(await cache.collect({}, { dryRun: true })).leftovers].sort()).toEqual(left);
    expect(existsSync(theirs)).toBe(true);
    expect([...(await cache.collect({})).leftovers].sort()).toEqual(left);
    for (const path of left) expect(existsSync(path)).toBe(false);
    await idle(elsewhere, DAY + HOUR);
    expect((await cache.repair()).map(({ path, outcome }) => [path, outcome])).toEqual([[elsewhere, 'removed']]);
    expect(await readFile(join(half(mine), 'bin/tool'), 'utf8')).toBe('half');
  });

  test('counts a lease of a process that cannot be asked for a day', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, 2 * DAY);
    const path = join(scratch.path, 'v1/leases', `${digestHex(one.digest)}-00000000-1-1-${'0'.repeat(16)}`);
    await mkdir(join(scratch.path, 'v1/leases'));
    await writeFile(path, '');
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([one.digest]);
    await idle(path, DAY + HOUR);
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  test.each([
    ['used', (path: string) => utimesSync(path, Date.now() / 1000, Date.now() / 1000)],
    [
      'leased',
      (path: string, lease: string) => {
        mkdirSync(dirname(lease));
        writeFileSync(lease, '');
      },
    ],
  ])('leaves what is %s after it was chosen', async (_how, happens) => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, DAY);
    const lease = `${digestHex(one.digest)}-${formatIdentity(ownIdentity())}-${'0'.repeat(16)}`;
    let asked = 0;
    const now = () => {
      // For leftovers, then for the choice, then, under the first lock, for the last look.
      if (++asked === 3) happens(blob(cache, one), join(scratch.path, 'v1/leases', lease));
      return Date.now();
    };
    const collecting = openTestCache(scratch.path, { clock: { ...systemClock, now } }).cache;
    await idle(blob(cache, one), 2 * DAY);
    const { removed } = await collecting.collect({ maxBytes: 0 });
    expect(removed.map(({ digest }) => digest)).not.toContain(one.digest);
    expect(await held(cache)).toEqual([one.digest]);
  });

  test.each<[LockKind, readonly string[]]>([
    ['blob', ['artifact']],
    ['unpacked', ['unpacked']],
    ['use', ['artifact', 'unpacked']],
  ])('leaves what somebody works on under the lock "%s"', async (kind, stays) => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(scratch.path);
    const path = await cache.admit(one.digest, contentOf(one.bytes));
    await cache.unpacked({ path, digest: one.digest, tool: 'probe' });
    await idleAll(cache, DAY);
    const kinds = async () => itemsOf(await cache.ls()).map((item) => item.kind);
    const lock = await tryLock(lockPath(layoutOf(scratch.path).locks, kind, one.digest));
    await cache.collect({ maxBytes: 0 });
    expect(await kinds()).toEqual(stays);
    if (typeof lock === 'object') lock.release();
    expect(await cache.collect({ maxBytes: 0 })).toMatchObject({ bytesAfter: 0 });
    expect(await kinds()).toEqual([]);
  });

  test('takes an unpacked form alone, which is made again from the artifact when it is asked for', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    const source = { path: blob(cache, one), digest: one.digest, tool: 'probe' };
    const { tarDigest } = await cache.unpacked(source);
    await idleAll(cache, DAY);
    for (const { digest } of [one, two, three]) await cache.find(digest);
    const { removed } = await cache.collect({ maxBytes: 7000 });
    expect(removed).toMatchObject([{ kind: 'unpacked', digest: one.digest }]);
    expect(await readdir(join(scratch.path, 'v1/unpacked'))).toEqual([]);
    expect(await cache.findUnpacked(source)).toBeUndefined();
    expect(await cache.unpacked(source)).toMatchObject({ tarDigest });
  });

  test('leaves an unpacked form whose artifact is gone while it is used', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    const source = { path: blob(cache, one), digest: one.digest, tool: 'probe' };
    await cache.unpacked(source);
    await idleAll(cache, DAY);
    expect(await cache.findUnpacked(source)).toBeDefined();
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([]);
    expect(await cache.findUnpacked(source)).toBeDefined();
    expect(await cache.verify()).toEqual([]);
  });

  test('takes attestations after their artifact, by age, and not while somebody reads them', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    const file = { name: 'tool-amd64-any-v1.dsse.json', bytes: Buffer.from('{}') };
    for (const { digest } of [one, two]) await saveAttestations(scratch.path, digest, [file], { now: Date.now() });
    await idleAll(cache, 40 * DAY);
    await cache.find(two.digest);
    await cache.collect({ maxBytes: 0 });
    expect(await held(cache)).toEqual([two.digest]);
    expect(await readAttestations(scratch.path, one.digest)).toHaveLength(1);

    await readAttestations(scratch.path, one.digest, { now: Date.now() });
    await cache.collect({ maxAgeMs: 30 * DAY });
    expect(await readAttestations(scratch.path, one.digest)).toHaveLength(1);

    await idle(join(scratch.path, 'v1/attestations/sha256', digestHex(one.digest)), 40 * DAY);
    expect((await cache.collect({ maxAgeMs: 30 * DAY })).removed).toMatchObject([{ kind: 'attestations' }]);
    expect(await readdir(join(scratch.path, 'v1/attestations/sha256'))).toEqual([digestHex(two.digest)]);
  });

  test('forgets a placement that was not used for too long, and none that is', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(scratch.path);
    const identity: SandboxIdentity = {
      ...{ engine: 'unix:///x', id: 'abc', startedAt: '', arch: 'amd64', user: '', cwd: '/', env: {} },
      ...{ readOnlyRoot: false, mounts: [] },
    };
    const entry: LedgerEntry = {
      directory: '/opt/x',
      rung: 'archive',
      protection: 'root-owned',
      why: 'so',
      readBack: 'engine',
      provenAt: 1,
    };
    const ledger = createLedger(join(scratch.path, 'v1/placements'));
    for (const id of ['used', 'looked-at']) await ledger.record({ ...identity, id }, one.digest, entry);
    expect((await cache.ls()).placements.map(({ sandbox, directory, digest }) => [sandbox, directory, digest])).toEqual(
      expect.arrayContaining([
        ['used', '/opt/x', one.digest],
        ['looked-at', '/opt/x', one.digest],
      ]),
    );
    await idleAll(cache, 40 * DAY);
    expect(await ledger.find({ ...identity, id: 'used' }, one.digest, { usedAt: Date.now() })).toEqual(entry);
    expect(await ledger.find({ ...identity, id: 'looked-at' }, one.digest)).toEqual(entry);
    expect((await cache.collect({ maxBytes: 0 })).removed).toEqual([]);
    expect((await cache.collect({ maxAgeMs: 30 * DAY })).removed).toMatchObject([{ kind: 'placement' }]);
    expect((await cache.ls()).placements).toMatchObject([{ sandbox: 'used' }]);
  });

  test('forgets what was noted of a directory that an injection left, when it is old', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(scratch.path);
    const notes = createNotes(join(scratch.path, 'v1/placements'), () => 5);
    const directory = '/opt/tool-v1-0123456789ab-0123456789abcdef';
    await notes.note({ engine: 'unix:///x', id: 'abc' }, { directory, digest: one.digest, state: 'left' });
    expect((await cache.ls()).placements).toMatchObject([
      { isPlaced: false, directory, sandbox: 'abc', digest: one.digest },
    ]);
    expect((await cache.collect({ maxAgeMs: 30 * DAY })).removed).toEqual([]);
    await idleAll(cache, 40 * DAY);
    expect((await cache.collect({ maxAgeMs: 30 * DAY })).removed).toMatchObject([{ kind: 'placement' }]);
    expect(await notes.list({ engine: 'unix:///x', id: 'abc' })).toEqual([]);
  });

  test('touches nothing that toolcrib did not put there, nor what it trusts by', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(scratch.path);
    const files = [
      ...['v1/blobs/sha256/README', 'v1/unpacked/x', 'v1/placements/mine.json', 'v1/leases/note', 'toolchain/bun'],
      ...['v1/tuf/root.json', 'v1/revocations/key.json', `v1/trusted-roots/${'0'.repeat(64)}.json`, 'v1/stranger'],
      `v1/attestations/sha256/${'0'.repeat(64)}/note`,
    ];
    for (const file of files) {
      await mkdir(join(scratch.path, file, '..'), { recursive: true });
      await writeFile(join(scratch.path, file), 'mine');
      await idle(join(scratch.path, file), 400 * DAY);
    }
    await idleAll(cache, 400 * DAY);
    await cache.collect({ maxBytes: 0, maxAgeMs: 0 });
    for (const file of files) expect(await readFile(join(scratch.path, file), 'utf8'), file).toBe('mine');
  });

  test('ends with an abort, and what it had not removed is there', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, DAY);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(cache.collect({ maxBytes: 0 }, { signal })).rejects.toThrow('enough');
    expect(await held(cache)).toHaveLength(3);
  });

  test('finds nothing in a cache that is not there, and makes none', async () => {
    await using scratch = await createScratch();
    const { cache } = openTestCache(join(scratch.path, 'cache'));
    expect(await cache.collect({ maxBytes: 0 })).toMatchObject({ removed: [], bytesBefore: 0 });
    expect(await readdir(scratch.path)).toEqual([]);
  });
});

describe('a use', () => {
  test('is recorded when the last record is ten minutes old, and not before', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    const path = blob(cache, one);
    await idle(path, 9 * 60 * 1000);
    const { mtimeMs } = await stat(path);
    await cache.find(one.digest);
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
    await idle(path, 11 * 60 * 1000);
    await cache.find(one.digest);
    expect(Date.now() - (await stat(path)).mtimeMs).toBeLessThan(9 * 60 * 1000);
  });

  test('corrects a date that a wrong clock left in the future', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idle(blob(cache, one), -400 * DAY);
    await cache.find(one.digest);
    expect((await stat(blob(cache, one))).mtimeMs).toBeLessThanOrEqual(Date.now());
  });

  test('waits for a collection that just removes it, and does not find it then', async () => {
    await using scratch = await createScratch();
    const cache = await filled(scratch.path);
    await idleAll(cache, DAY);
    await mkdir(join(scratch.path, 'v1/locks'), { recursive: true });
    const lock = await tryLock(lockPath(layoutOf(scratch.path).locks, 'use', one.digest));
    let slept = 0;
    const { promise: isWaiting, resolve: waits } = Promise.withResolvers<undefined>();
    const clock = {
      ...systemClock,
      sleep: (ms: number, signal?: AbortSignal) => {
        if (slept++ === 0) waits(undefined);
        return systemClock.sleep(ms, signal);
      },
    };
    const finding = openTestCache(scratch.path, { clock }).cache.find(one.digest);
    await isWaiting;
    execFileSync('rm', [blob(cache, one)]);
    if (typeof lock === 'object') lock.release();
    expect(await finding).toBeUndefined();
  });
});
