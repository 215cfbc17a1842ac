import type { Clock } from '../core/clock.ts';
import { RemoteError } from '../core/errors.ts';

/** How slowly a body may come: a server that sends a byte now and then would hold whoever reads it for ever. */
export interface Pace {
  readonly clock: Pick<Clock, 'elapsed'>;
  /** Milliseconds of waiting in which at least `bytes` have to come. Time in which nobody reads does not count. */
  readonly windowMs: number;
  readonly bytes: number;
  /** Milliseconds until a body that is read into memory has to be there as a whole. */
  readonly wholeMs: number;
}

/** At least 256 KiB a minute, about 4 KiB a second, while somebody waits for them. */
export const PACE_WINDOW_MS = 60_000;
export const PACE_BYTES = 256 * 1024;
/** A listing, a manifest or an answer of an API has to be there within two minutes. */
export const WHOLE_TIMEOUT_MS = 120_000;

/** What somebody wants otherwise. */
export type PaceOptions = Partial<Omit<Pace, 'clock'>>;

/** The pace of a connection's bodies. */
export function paceOf({ clock, pace }: { clock: Pace['clock']; pace?: PaceOptions | undefined }): Pace {
  return { clock, windowMs: PACE_WINDOW_MS, bytes: PACE_BYTES, wholeMs: WHOLE_TIMEOUT_MS, ...pace };
}

/**
 * Watches a body.
 * @returns to be told of each piece, and of how long it was waited for.
 */
export function watchPace({ windowMs, bytes }: Pace, what: string): (size: number, waitedMs: number) => void {
  let [came, waited] = [0, 0];
  return (size, waitedMs) => {
    came += size;
    waited += waitedMs;
    if (waited < windowMs) return;
    if (came < bytes) throw tooSlow(what, `${came} bytes came in ${Math.round(waited / 1000)} s`);
    [came, waited] = [0, 0];
  };
}

/** The failure of a body that takes too long: RemoteError `UNREACHABLE`. */
export function tooSlow(what: string, how: string): RemoteError {
  return new RemoteError('UNREACHABLE', `${what} failed: too slow, ${how}`, {
    hint: 'look at the network and at that server, then try again',
    details: { network: 'TOO_SLOW' },
  });
}
