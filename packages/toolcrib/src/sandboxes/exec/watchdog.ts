import type { Clock } from '../../core/clock.ts';

/** Bites when nothing moves for a while. */
export interface Watchdog {
  moved(): void;
  stop(): void;
}

/**
 * @param quiet milliseconds without a move, exceeded by as much at most.
 * @param bite called once.
 */
export function startWatchdog(clock: Clock, quiet: number, bite: () => void): Watchdog {
  const over = new AbortController();
  let moves = 0;
  const watch = async () => {
    for (let seen = -1; seen !== moves;) {
      seen = moves;
      await clock.sleep(quiet, over.signal);
    }
    bite();
  };
  watch().catch(() => undefined);
  return {
    moved: () => {
      moves += 1;
    },
    stop: () => over.abort(),
  };
}
