import { join } from 'node:path';
import { lockPath, prepareLocks, waitForLock } from '../cache/lock.ts';
import type { Clock } from '../core/clock.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import type { Reporter } from '../core/reporter.ts';
import { livenessOf } from '../disk/process-identity.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { createNotes } from './unfinished.ts';

/** What is locked: the placement of one artifact in one sandbox. */
export interface LockedPlacement {
  readonly sandbox: Sandbox;
  readonly digest: Digest;
  /** Directory of the ledger: who has another ledger waits for nobody here. */
  readonly ledger: string;
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** After this many milliseconds nobody is waited for any more: who holds the lock hangs, and it only saves work. */
const PATIENCE_MS = 10 * 60 * 1000;

/**
 * Works while no other process with this ledger places or takes away that artifact in that sandbox. A process that ends,
 * however it ends, holds no lock; where locking does not work, the work is just done.
 * @param meanwhile is asked again and again during the wait; what it finds is the result, and `work` is not done.
 * @throws the signal's reason; what `work` and `meanwhile` throw.
 */
export async function underPlacementLock<T>(
  locked: LockedPlacement,
  work: () => Promise<T>,
  meanwhile: () => Promise<T | undefined> = () => Promise.resolve(undefined),
): Promise<T> {
  const { sandbox, digest, ledger, clock, signal } = locked;
  const locks = join(ledger, 'locks');
  await prepareLocks(locks);
  const path = lockPath(locks, 'placement', lockDigest(sandbox, digest));
  const say = once(() => sayWhom(locked));
  const outcome = await waitForLock(path, { clock, signal, patienceMs: PATIENCE_MS }, async () => {
    await say();
    return await meanwhile();
  });
  if ('found' in outcome) return outcome.found;
  try {
    return await work();
  } finally {
    outcome.lock?.release();
  }
}

/** A container that was started again is the same one here: its directories are. */
function lockDigest({ identity }: Sandbox, digest: Digest): Digest {
  return digestOf(JSON.stringify([identity.engine, identity.id, digest]));
}

/** There are fewer locks than sandboxes, so that only what is noted tells whose work this is. */
async function sayWhom({ sandbox, digest, ledger, clock, reporter }: LockedPlacement): Promise<void> {
  const notes = await createNotes(ledger, () => clock.now()).list(sandbox.identity);
  const holder = notes.find(
    (note) => note.digest === digest && note.state === 'writing' && livenessOf(note.process) === 'alive',
  );
  const whom =
    holder === undefined ? 'another injection' : `process ${holder.process.pid}, which is at ${sandbox.reference}`;
  reporter.notice({ kind: 'step', text: `waiting for ${whom}` });
}

function once(work: () => Promise<void>): () => Promise<void> {
  let begun: Promise<void> | undefined;
  return () => (begun ??= work());
}
