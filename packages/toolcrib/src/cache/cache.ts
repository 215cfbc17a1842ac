import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import { silentReporter, type Reporter } from '../core/reporter.ts';
import type { CacheFinding, ExamineTree } from './audit.ts';
import { admitBlob, examineBlob, findLocked, type BlobContent, type BlobContext } from './blobs.ts';
import type { Collection, CollectionLimits, CollectOptions } from './collect.ts';
import type { CacheContents } from './contents.ts';
import { recordUse, USE_TIMES, type UseTimes } from './last-use.ts';
import { blobPath, layoutOf } from './layout.ts';
import type { Lease } from './leases.ts';
import { lockPath, prepareLocks, tryLock, waitForLock, type Lock, type LockKind } from './lock.ts';
import type { RepairedFinding } from './repair.ts';
import type { ArtifactSource, UnpackedArtifact } from './unpacked.ts';

export type { CacheFinding } from './audit.ts';
export type { BlobContent } from './blobs.ts';
export type { Collection, CollectionLimits, CollectOptions } from './collect.ts';
export type { CacheContents } from './contents.ts';
export type { Lease } from './leases.ts';
export type { RepairedFinding } from './repair.ts';
export type { ArtifactSource, UnpackedArtifact } from './unpacked.ts';

/** What may be done to a blob by who holds its lock. */
export interface LockedBlob {
  /** As {@link Cache.find}. */
  find(): Promise<string | undefined>;
  /** As {@link Cache.admit}, without looking whether the blob is there. */
  admit(content: BlobContent): Promise<string>;
}

/** How long a call may take. */
export interface CacheCallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a cache is verified. */
export interface VerifyOptions extends CacheCallOptions {
  /** Default: trees are not compared. */
  readonly examineTree?: ExamineTree | undefined;
}

/**
 * Verified bytes on this host by digest, shared by all projects and processes: formats.md 5. A blob is visible only
 * after its bytes had its digest, and they are hashed again whenever it is asked for: the cache is not trusted. Locks
 * only save work. Where the cache cannot be written to, what is in it is still served.
 *
 * Calls throw RemoteError `STORAGE` when the disk fails them, and the signal's reason after an abort, which leaves
 * nothing behind.
 */
export interface Cache {
  /** Absolute path. */
  readonly directory: string;
  /**
   * Looks for a blob and hashes it. A corrupt one is reported, removed, and not found.
   * @returns its absolute path.
   */
  find(digest: Digest, options?: CacheCallOptions): Promise<string | undefined>;
  /**
   * Brings a blob in unless it is there; `content` is opened at most once, and by one of all processes at a time.
   * @returns its absolute path.
   * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`, `TOO_LARGE`, and nothing is left then; what `open` throws.
   */
  admit(digest: Digest, content: BlobContent, options?: CacheCallOptions): Promise<string>;
  /**
   * Works while no other process works on the same digest, where locking works; else it just works. A process that
   * ends, however it ends, holds no lock.
   * @param options.meanwhile is asked again and again during the wait; what it finds is the result, and `work` is not
   * done.
   */
  withLock<T>(
    digest: Digest,
    work: (blob: LockedBlob) => Promise<T>,
    options?: CacheCallOptions & { readonly meanwhile?: () => Promise<T | undefined> },
  ): Promise<T>;
  /**
   * The plain tar of an artifact: made from its verified bytes the first time, then found by its record. What it yields
   * is hashed each time.
   * @throws IntegrityError `DIGEST_MISMATCH`, `MALFORMED`, `TOO_LARGE`; NotFoundError `NOT_FOUND`.
   */
  unpacked(source: ArtifactSource, options?: CacheCallOptions): Promise<UnpackedArtifact>;
  /** The plain tar that {@link Cache.unpacked} made before; undefined when it has to be made. Reads no artifact. */
  findUnpacked(source: Pick<ArtifactSource, 'digest' | 'tool'>): Promise<UnpackedArtifact | undefined>;
  /** Says that this process uses a blob, for as long as it streams it. */
  lease(digest: Digest): Promise<Lease>;
  /**
   * Records that a tree of an artifact is used now, before it is: no collection takes it away then while this process has a lease
   * of the artifact, or a sandbox has it mounted.
   * @returns false when it is not there.
   */
  useTree(digest: Digest, path: string, options?: CacheCallOptions): Promise<boolean>;
  /** Reads everything and tells what is wrong, by path. Removes nothing. */
  verify(options?: VerifyOptions): Promise<readonly CacheFinding[]>;
  /** As {@link Cache.verify}; what is wrong is removed, or made again from what is right. Foreign things are left. */
  repair(options?: VerifyOptions): Promise<readonly RepairedFinding[]>;
  /** What is there, by digest, unverified. */
  ls(): Promise<CacheContents>;
  /**
   * Takes away what was not used for long, until the limits are kept, and what killed processes left; never what is
   * leased, nor what was used in the last 50 minutes.
   */
  collect(limits: CollectionLimits, options?: CollectOptions): Promise<Collection>;
}

/** What a cache needs from the process. */
export interface CacheOptions {
  readonly clock: Clock;
  /** Directory of the ledger of injections, which is collected with the cache. Default: in the cache. */
  readonly ledger?: string;
  /** Default: says nothing. */
  readonly reporter?: Reporter;
  /** Milliseconds after which a wait for another process ends and the work is done anyway. Default: 10 minutes. */
  readonly patienceMs?: number;
  /** Default: uses are recorded every ten minutes, and count for an hour. */
  readonly times?: UseTimes;
}

const PATIENCE_MS = 10 * 60 * 1000;

/**
 * Opens a cache. Nothing is read or made before it is needed.
 * @param directory absolute path.
 */
export function openCache(directory: string, options: CacheOptions): Cache {
  const { clock, ledger, reporter = silentReporter, patienceMs = PATIENCE_MS, times = USE_TIMES } = options;
  const context: BlobContext = { layout: layoutOf(directory, ledger), clock, reporter, times };
  const { layout } = context;

  const locked = async <T>(
    kind: LockKind,
    digest: Digest,
    call: CacheCallOptions,
    work: () => Promise<T>,
    meanwhile: () => Promise<T | undefined>,
  ): Promise<T> => {
    await prepareLocks(layout.locks);
    const wait = { clock, patienceMs, signal: call.signal };
    const outcome = await waitForLock(lockPath(layout.locks, kind, digest), wait, meanwhile);
    return 'found' in outcome ? outcome.found : await holding(outcome.lock, work);
  };

  const cache: Cache = {
    directory,
    async find(digest, { signal } = {}) {
      const path = blobPath(layout, digest);
      if (!(await recordUse(context, digest, path, signal))) return undefined;
      const state = await examineBlob(path, digest, signal);
      if (state === 'corrupt') return findCorrupt(context, digest, signal);
      return state === 'sound' ? path : undefined;
    },
    admit: (digest, content, call = {}) =>
      cache.withLock(digest, async (blob) => (await blob.find()) ?? (await blob.admit(content)), {
        ...call,
        meanwhile: () => cache.find(digest, call),
      }),
    withLock(digest, work, { meanwhile = () => Promise.resolve(undefined), ...call } = {}) {
      const blob: LockedBlob = {
        find: () => findLocked(context, digest, call.signal),
        admit: (content) => admitBlob(context, digest, content, call.signal),
      };
      return locked('blob', digest, call, () => work(blob), meanwhile);
    },
    async unpacked(source, call = {}) {
      const { findUnpacked, makeUnpacked } = await import('./unpacked.ts');
      const find = () => findUnpacked(context, source);
      const make = async () => (await find()) ?? (await makeUnpacked(context, source, call.signal));
      return (await find()) ?? (await locked('unpacked', source.digest, call, make, find));
    },
    async findUnpacked(source) {
      const { findUnpacked } = await import('./unpacked.ts');
      return findUnpacked(context, source);
    },
    async lease(digest) {
      const { createLease } = await import('./leases.ts');
      return createLease(layout, digest);
    },
    useTree: (digest, path, { signal } = {}) => recordUse(context, digest, path, signal),
    async verify({ signal, examineTree } = {}) {
      const { auditCache } = await import('./audit.ts');
      return auditCache(layout, { now: clock.now(), signal, examineTree });
    },
    async repair({ signal, examineTree } = {}) {
      const { repair } = await import('./repair.ts');
      const nothing = () => Promise.resolve(undefined);
      const under = <T>(kind: LockKind, digest: Digest, work: () => Promise<T>) =>
        locked(kind, digest, { signal }, work, nothing);
      const repaired: RepairedFinding[] = [];
      for (const finding of await cache.verify({ signal, examineTree })) {
        repaired.push(await repair({ ...context, locked: under, signal }, finding));
      }
      return repaired;
    },
    async ls() {
      const { readContents } = await import('./contents.ts');
      return readContents(layout, clock.now());
    },
    async collect(limits, options = {}) {
      const { collect } = await import('./collect.ts');
      return collect(context, limits, options);
    },
  };
  return cache;
}

/**
 * Takes a corrupt blob away if nobody works on that digest; whoever does will find it corrupt, too. Under the lock it
 * is hashed again: another process may just have replaced it.
 */
async function findCorrupt(
  context: BlobContext,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  await prepareLocks(context.layout.locks);
  const lock = await tryLock(lockPath(context.layout.locks, 'blob', digest));
  if (lock === 'busy') return undefined;
  return holding(lock === 'unavailable' ? undefined : lock, () => findLocked(context, digest, signal));
}

async function holding<T>(lock: Lock | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    lock?.release();
  }
}
