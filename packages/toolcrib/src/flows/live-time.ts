import type { Clock } from '../core/clock.ts';

/** In milliseconds: this process is to get its turn so often for a time to count. */
const STEP = 250;

/**
 * Waits, and does not count the time in which this process stood still itself: one that waits for the reader of its own
 * output has not heard what others said meanwhile.
 * @returns false when the signal aborted before.
 */
export async function liveTime(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  for (let lived = 0; lived < ms; lived += STEP) {
    if (signal.aborted) return false;
    await clock.sleep(STEP, signal).catch(() => undefined);
  }
  return !signal.aborted;
}
