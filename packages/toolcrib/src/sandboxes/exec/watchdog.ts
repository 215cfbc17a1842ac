import type { Clock } from '../../core/clock.ts';

/** Bites when nothing moves for a while. */
export interface Watchdog {
  moved(): void;
  stop(): void;
}

/**
 * @param quiet milliseconds without a move, exceeded by as much at most.
 * @param bite called once, with what happened in words.
 */
export function startWatchdog(clock: Clock, quiet: number, bite: (because: string) => void): Watchdog {
  const over = new AbortController();
  let moves = 0;
  const watch = async () => {
    for (let seen = -1; seen !== moves;) {
      seen = moves;
      await clock.sleep(quiet, over.signal);
    }
    bite(`said nothing for ${quiet / 1000} s`);
  };
  watch().catch(() => undefined);
  return {
    moved: () => {
      moves += 1;
    },
    stop: () => over.abort(),
  };
}
