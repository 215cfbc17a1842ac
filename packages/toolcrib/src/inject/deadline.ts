import { combineSignals } from '../core/combined-signal.ts';
import type { Clock } from '../core/clock.ts';
import { SandboxError } from '../core/errors.ts';

/** How long programs of a sandbox may take; a hostile one never ends. All in milliseconds. */
export interface Patience {
  readonly total: number;
  /** Without anything moving. */
  readonly quiet: number;
}

/** Work that runs against a deadline. */
export interface Watched {
  /** Closes the streams of programs when time is up. */
  readonly signal: AbortSignal;
  /** Says that something moved. */
  moved(): void;
}

/** What time is measured in, which makes a deadline late by this at most. */
const STEP = 1000;

/** A tree is placed or read back in seconds; a slow line or disk moves a byte now and then, and a MiB/s on the whole. */
export function patienceFor(size: number): Patience {
  return { total: 300_000 + size / 1024, quiet: 30_000 };
}

/** Taking a tree away moves nothing that could be seen, and unlinks some files. */
export const CLEANUP: Patience = { total: 10_000, quiet: 10_000 };

/**
 * Lets work with programs of the sandbox go on until it ends or time is up. Streams that are still open are closed
 * either way.
 * @param what the work as it is named in the error.
 * @throws SandboxError `NOT_INJECTABLE` when time is up; the signal's reason; whatever the work throws.
 */
export async function withDeadline<T>(
  context: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
  what: string,
  patience: Patience,
  work: (watched: Watched) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const signal = combineSignals([context.signal, over.signal]);
  let moves = 0;
  const watching = watch(context.clock, patience, signal, () => moves).then(
    (seconds) => over.abort(new SandboxError('NOT_INJECTABLE', `${what} did not end within ${seconds}`)),
    () => undefined,
  );
  const moved = () => {
    moves += 1;
  };
  try {
    return await work({ signal, moved });
  } catch (error) {
    // Streams that were cut fail in ways of their own.
    throw signal.aborted ? signal.reason : error;
  } finally {
    over.abort();
    await watching;
  }
}

/** @returns what was exceeded. */
async function watch(clock: Clock, patience: Patience, signal: AbortSignal, moves: () => number): Promise<string> {
  let seen = 0;
  let quiet = 0;
  for (let spent = 0; spent < patience.total; spent += STEP) {
    if (quiet >= patience.quiet) return `${patience.quiet / 1000} s without progress`;
    await clock.sleep(STEP, signal);
    quiet = moves() === seen ? quiet + STEP : 0;
    seen = moves();
  }
  return `${Math.ceil(patience.total / 1000)} s`;
}
