import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { RemoteError } from '../core/errors.ts';
import { isAttestationName } from './attestation-files.ts';
import {
  chooseVictims,
  heavyBytes,
  isHeavy,
  isProtected,
  type CollectionLimits,
  type Victim,
} from './choose-victims.ts';
import { itemsOf, readContents, unpackedPaths, type CachedItem } from './contents.ts';
import { listPackFiles, packPath, type PackFile } from './ext-store.ts';
import type { UseContext } from './last-use.ts';
import { blobPath, type CacheLayout } from './layout.ts';
import { leasedDigests } from './leases.ts';
import { listLeftovers, removeLeftover } from './leftovers.ts';
import { listDirectory, statsOf } from './list-directory.ts';
import { lockPath, prepareLocks, tryLock, type LockKind } from './lock.ts';
import { mountedTrees } from './mounted-trees.ts';
import { removeEmptyDirectory, removeFile } from './remove.ts';
import { removeTree } from './trees.ts';

export type { CollectionLimits } from './choose-victims.ts';

/** How a collection goes. */
export interface CollectOptions {
  /** True: only tell what would go. */
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a collection took away, or would take away. */
export interface Collection {
  /** In the order in which it went. */
  readonly removed: readonly (CachedItem & { readonly reason: Victim['reason'] })[];
  /** Paths that killed processes left: temporary files, leases and trees. */
  readonly leftovers: readonly string[];
  /** Bytes of artifacts and unpacked forms before, and what of them stayed. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** What no limit takes away, as it is leased or was used a moment ago. */
  readonly protected: { readonly items: number; readonly bytes: number };
}

/**
 * Takes away what limits ask for, and what killed processes left. Any number of collections and other work may run at
 * the same time; a collection that is killed has removed some of it.
 * @throws RemoteError `STORAGE`, also where nothing can be locked: there nobody could tell that something is used just
 * now; the signal's reason.
 */
export async function collect(
  context: UseContext,
  limits: CollectionLimits,
  { dryRun = false, signal }: CollectOptions,
): Promise<Collection> {
  const { layout, clock, times } = context;
  const leftovers = await listLeftovers(layout, clock.now());
  if (!dryRun) for (const path of leftovers) await removeLeftover(layout, path);
  const now = clock.now();
  const items = itemsOf(await readContents(layout, now));
  const victims = chooseVictims(items, limits, now, times.graceMs);
  const removed = dryRun ? victims : await removeAll(context, victims, signal);
  const bytesBefore = heavyBytes(items);
  const kept = items.filter((item) => isHeavy(item) && isProtected(item, now, times.graceMs));
  return {
    removed: removed.map(({ item, reason }) => ({ ...item, reason })),
    leftovers,
    bytesBefore,
    bytesAfter: bytesBefore - heavyBytes(removed.map(({ item }) => item)),
    protected: { items: kept.length, bytes: heavyBytes(kept) },
  };
}

async function removeAll(
  context: UseContext,
  victims: readonly Victim[],
  signal: AbortSignal | undefined,
): Promise<readonly Victim[]> {
  if (victims.length > 0) await prepareLocks(context.layout.locks);
  const packs = Map.groupBy(await listPackFiles(context.layout), ({ digest }) => digest);
  const removed: Victim[] = [];
  for (const victim of victims) {
    signal?.throwIfAborted();
    if (await removeItem({ ...context, packs }, victim.item)) removed.push(victim);
  }
  return removed;
}

/**
 * Files with packs as they were listed once, by digest: whoever brings one in since gives it the name of its digest, and a
 * copy that was replaced has a later use.
 */
interface RemovalContext extends UseContext {
  readonly packs: ReadonlyMap<Digest, readonly PackFile[]>;
}

/** False when it is used now, or gone already. */
async function removeItem(context: RemovalContext, item: CachedItem): Promise<boolean> {
  const { layout } = context;
  const { digest } = item;
  // Nobody waits for a placement's record: who finds none injects again.
  if (item.kind === 'placement') return (await isUnused(context, item)) && (await removeFile(item.path));
  if (digest === null) return false;
  return await underLock(layout, item.kind === 'unpacked' ? 'unpacked' : 'blob', digest, () =>
    underLock(layout, 'use', digest, async () => {
      return (await isUnused(context, item)) && (await removeFiles(context, item, digest));
    }),
  );
}

/**
 * Does nothing where somebody holds the lock: who downloads or unpacks an artifact, or records its use. A collection never
 * waits, so that it cannot wait in a circle.
 */
async function underLock(
  { locks }: CacheLayout,
  kind: LockKind,
  digest: Digest,
  work: () => Promise<boolean>,
): Promise<boolean> {
  const lock = await tryLock(lockPath(locks, kind, digest));
  if (lock === 'busy') return false;
  if (lock === 'unavailable') throw cannotLock(locks);
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function cannotLock(locks: string): RemoteError {
  return new RemoteError('STORAGE', `cannot lock a file in ${locks}: nothing can be removed while others may use it`, {
    hint: 'is the cache read-only, or on a file system without locks? Where nobody uses it, it can be removed as a whole',
    details: { path: locks, operation: 'lock' },
  });
}

/** Looks again, now that nobody can begin to use it. */
async function isUnused(context: RemovalContext, item: CachedItem): Promise<boolean> {
  const { layout, clock } = context;
  const { digest, kind } = item;
  if (digest !== null && kind !== 'placement') {
    if ((await leasedDigests(layout, clock.now())).has(digest)) return false;
    if (kind === 'tree' && (await (await mountedTrees())(item.path))) return false;
    // Attestations are there for an artifact that may have come back.
    const supports = [blobPath(layout, digest), ...unpackedPaths(layout, digest)];
    if (kind === 'attestations' && (await isAnyThere(supports))) return false;
    if (kind === 'pointer' && (await isAnyThere(packPaths(context, digest)))) return false;
  }
  return (await lastUseOf(context, item)) === item.lastUsedAt;
}

async function isAnyThere(paths: readonly string[]): Promise<boolean> {
  return (await Promise.all(paths.map(statsOf))).some((stats) => stats !== undefined);
}

function packPaths({ layout, packs }: RemovalContext, digest: Digest): readonly string[] {
  return [packPath(layout, digest), ...(packs.get(digest) ?? []).map(({ path }) => path)];
}

/** Undefined when it is gone. */
async function lastUseOf(context: RemovalContext, item: CachedItem): Promise<number | undefined> {
  const times = (await Promise.all(usedPaths(context, item).map(statsOf))).flatMap((stats) => stats?.mtimeMs ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** The files whose last use is that of an item. */
function usedPaths(context: RemovalContext, { kind, digest, path }: CachedItem): readonly string[] {
  if (kind === 'pack' && digest !== null) return packPaths(context, digest);
  return kind === 'unpacked' && digest !== null ? unpackedPaths(context.layout, digest) : [path];
}

async function removeFiles(context: RemovalContext, { kind, path }: CachedItem, digest: Digest): Promise<boolean> {
  if (kind === 'attestations') return await removeAttestations(path);
  if (kind === 'tree') return await removeTree(context.layout, path);
  let removed = false;
  for (const file of removablePaths(context, kind, digest, path)) removed = (await removeFile(file)) || removed;
  return removed;
}

function removablePaths(
  { layout, packs }: RemovalContext,
  kind: CachedItem['kind'],
  digest: Digest,
  path: string,
): readonly string[] {
  if (kind === 'unpacked') return unpackedPaths(layout, digest);
  if (kind !== 'pack') return [path];
  const files = packs.get(digest) ?? [];
  return [...files.map((file) => file.path), ...files.flatMap(({ note }) => note ?? [])];
}

/** What somebody is just writing there stays, and the directory with it. */
async function removeAttestations(directory: string): Promise<boolean> {
  for (const { name } of await listDirectory(directory)) {
    if (isAttestationName(name)) await removeFile(join(directory, name));
  }
  return await removeEmptyDirectory(directory);
}
