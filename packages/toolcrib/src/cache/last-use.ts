import { lutimes } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import { isSystemError } from '../core/errors.ts';
import type { CacheLayout } from './layout.ts';
import { statsOf } from './list-directory.ts';
import { lockPath, prepareLocks, waitForLock } from './lock.ts';

/**
 * When uses are recorded, and for how long they count. The last use of a file is its time of modification: nobody changes
 * it by reading, as would be with the time of access.
 */
export interface UseTimes {
  /** A use is recorded when the last record is so many milliseconds old, so that a use seldom costs a write. */
  readonly recordEveryMs: number;
  /**
   * Nothing is collected within so many milliseconds after its recorded use: whoever got a path from the cache may still
   * open it. As a record may be behind, that is sure for the difference of the two.
   */
  readonly graceMs: number;
}

/** Ten minutes and an hour: whatever was used in the last 50 minutes is there. */
export const USE_TIMES: UseTimes = { recordEveryMs: 10 * 60 * 1000, graceMs: 60 * 60 * 1000 };

/** The lock is held for the time of two system calls; after this many milliseconds its holder is stopped. */
const PATIENCE_MS = 5000;

/** What it takes to record a use. */
export interface UseContext {
  readonly layout: CacheLayout;
  readonly clock: Clock;
  readonly times: UseTimes;
}

/**
 * Records that something in the cache is used now, before it is used. It is under the same lock as a collection: after
 * the record nothing is collected, and what was collected is not used. Where the cache cannot be written to, nothing is
 * recorded.
 * @returns false when it is not there.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function recordUse(
  { layout, clock, times }: UseContext,
  digest: Digest,
  path: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const recent = async () => isRecent((await statsOf(path))?.mtimeMs, clock.now(), times);
  const state = await recent();
  if (state !== 'old') return state === 'recent';
  await prepareLocks(layout.locks);
  const wait = { clock, patienceMs: PATIENCE_MS, signal };
  const outcome = await waitForLock(lockPath(layout.locks, 'use', digest), wait, async () => {
    const now = await recent();
    return now === 'old' ? undefined : now;
  });
  if ('found' in outcome) return outcome.found === 'recent';
  try {
    return await touch(path, clock.now());
  } finally {
    outcome.lock?.release();
  }
}

/**
 * Records a use without a lock: for who holds one that keeps collections away, and for what nobody misses for long.
 * @param now wall clock, milliseconds since 1970.
 * @returns false when it is not there.
 */
export async function recordUseUnlocked(path: string, now: number, times = USE_TIMES): Promise<boolean> {
  const state = isRecent((await statsOf(path))?.mtimeMs, now, times);
  return state === 'old' ? await touch(path, now) : state === 'recent';
}

/** Milliseconds since a use. A clock that was wrong left a date in the future: that is no use of today either. */
export function ageOf(lastUsedAt: number, now: number): number {
  return Math.abs(now - lastUsedAt);
}

function isRecent(recorded: number | undefined, now: number, times: UseTimes): 'recent' | 'old' | 'absent' {
  if (recorded === undefined) return 'absent';
  return ageOf(recorded, now) < times.recordEveryMs ? 'recent' : 'old';
}

/** A cache that is read-only, or belongs to another user, keeps the old record. */
async function touch(path: string, now: number): Promise<boolean> {
  try {
    await lutimes(path, now / 1000, now / 1000);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
  }
  return true;
}
