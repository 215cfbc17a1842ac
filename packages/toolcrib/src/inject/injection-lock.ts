import { join } from 'node:path';
import { lockPath, prepareLocks, waitForLock } from '../cache/lock.ts';
import type { Clock } from '../core/clock.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import type { Reporter } from '../core/reporter.ts';
import { livenessOf } from '../disk/process-identity.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { createNotes, type Unfinished } from './unfinished.ts';

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

/** After this many milliseconds a wait is told, for whomever it is. */
const LONG_WAIT_MS = 3000;

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
  const say = whomSayer(locked);
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

/**
 * Says once for whom this waits. There are fewer locks than sandboxes, so only what is noted tells whose work it is; who
 * waits for another sandbox's hears nothing of it unless that takes long.
 */
function whomSayer({ sandbox, digest, ledger, clock, reporter }: LockedPlacement): () => Promise<void> {
  const notes = createNotes(ledger, () => clock.now());
  const begun = clock.elapsed();
  let isSaid = false;
  return async () => {
    if (isSaid) return;
    const holder = (await notes.list(sandbox.identity)).find((note) => note.digest === digest && isBeingWritten(note));
    if (holder === undefined && clock.elapsed() - begun < LONG_WAIT_MS) return;
    isSaid = true;
    const whom =
      holder === undefined ? 'another injection' : `process ${holder.process.pid}, which is at ${sandbox.reference}`;
    reporter.notice({ kind: 'step', text: `waiting for ${whom}` });
  };
}

function isBeingWritten({ state, process }: Unfinished): boolean {
  return state === 'writing' && livenessOf(process) === 'alive';
}
