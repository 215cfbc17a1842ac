import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../core/clock.ts';
import { digestHex, type Digest } from '../core/digest.ts';
import { ensureDirectory } from '../disk/write-file.ts';

/**
 * What may be locked for a digest: making the blob, making what is derived from it, for a moment recording that one of
 * them is used, and placing it in a sandbox. They never wait in a circle.
 */
export type LockKind = 'blob' | 'unpacked' | 'use' | 'placement';

/** A lock that is held until it is released, or until the process ends, however it ends. */
export interface Lock {
  release(): void;
}

/** How a wait for a lock goes. */
export interface LockWait {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** After this many milliseconds the work is done without the lock: its holder hangs, and locks only save work. */
  readonly patienceMs: number;
}

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 100;

/** Primary result codes of SQLite (sqlite.org/rescode.html) that mean "somebody else holds it". */
const BUSY = 5;
const LOCKED = 6;

/**
 * The lock file of a digest. SQLite locks a whole database, so one database would make downloads of different artifacts
 * wait for each other; one for each digest would grow for ever, as removing a lock file is a race. So there are 256 for
 * each kind, by the first byte of the digest, made when they are first needed and empty for ever.
 */
export function lockPath(directory: string, kind: LockKind, digest: Digest): string {
  return join(directory, `${kind}-${digestHex(digest).slice(0, 2)}.sqlite`);
}

/**
 * Takes a lock if it is free.
 * @returns `unavailable` where locking does not work (read-only or full disk, a file system without locks).
 */
export async function tryLock(path: string): Promise<Lock | 'busy' | 'unavailable'> {
  const { DatabaseSync } = await import('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    // A journal on disk would need room, which a collection on a full disk has yet to make.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    const held = database;
    return { release: () => closeQuietly(held) };
  } catch (error) {
    if (database !== undefined) closeQuietly(database);
    return isBusy(error) ? 'busy' : 'unavailable';
  }
}

/**
 * Waits for a lock without blocking the process. While it waits, `meanwhile` looks whether the lock is needed at all.
 * @returns the lock; undefined where locking does not work or patience ran out; or what `meanwhile` found.
 * @throws the signal's reason; what `meanwhile` throws.
 */
export async function waitForLock<T>(
  path: string,
  wait: LockWait,
  meanwhile: () => Promise<T | undefined>,
): Promise<{ readonly lock: Lock | undefined } | { readonly found: T }> {
  const { clock, signal, patienceMs } = wait;
  const deadline = clock.elapsed() + patienceMs;
  for (let pause = FIRST_WAIT_MS; ; pause = Math.min(pause * 1.5, LONGEST_WAIT_MS)) {
    signal?.throwIfAborted();
    const lock = await tryLock(path);
    if (lock === 'unavailable' || (lock === 'busy' && clock.elapsed() >= deadline)) return { lock: undefined };
    if (lock !== 'busy') return { lock };
    await clock.sleep(pause, signal);
    const found = await meanwhile();
    if (found !== undefined) return { found };
  }
}

/** Makes the directory of lock files; where that is impossible, locks are unavailable and everything works without. */
export async function prepareLocks(directory: string): Promise<void> {
  await ensureDirectory(directory).catch(() => undefined);
}

/** Closing ends the transaction, which wrote nothing. */
function closeQuietly(database: DatabaseSync): void {
  try {
    database.close();
  } catch {
    // It is closed already.
  }
}

function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return false;
  return [BUSY, LOCKED].includes(error.errcode & 0xff);
}
