import type { Clock } from '../core/clock.ts';
import type { RemoteError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';

/** How often and how patiently. */
export interface RetryPolicy {
  /** Attempts in all, at least 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubles with each further one. */
  readonly firstWaitMs: number;
  /** No wait is longer, also when the server asks for more. */
  readonly longestWaitMs: number;
}

/** Where nobody says another one. */
export const RETRY_POLICY: RetryPolicy = { attempts: 4, firstWaitMs: 300, longestWaitMs: 20_000 };

/** A failure that may pass. Thrown by an attempt; {@link retry} never lets it out. */
export class TransientFailure extends Error {
  /** What the caller gets when no attempt succeeds. */
  readonly failure: RemoteError;
  /** Milliseconds that the server asked to wait for. */
  readonly retryAfterMs: number | undefined;

  constructor(failure: RemoteError, retryAfterMs?: number) {
    super(failure.message, { cause: failure });
    this.failure = failure;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What {@link retry} needs from outside. */
export interface RetryContext {
  readonly retry?: RetryPolicy | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  /** Is told of each wait, so that who waits knows why. */
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats an attempt for as long as it ends with a {@link TransientFailure}.
 * @throws the last attempt's {@link TransientFailure.failure}; anything else an attempt throws; the signal's reason.
 */
export async function retry<T>(attempt: () => Promise<T>, context: RetryContext): Promise<T> {
  const policy = context.retry ?? RETRY_POLICY;
  for (let made = 1; ; made += 1) {
    context.signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof TransientFailure)) throw error;
      if (made >= policy.attempts) throw error.failure;
      const waitMs = backoffMs(made, policy, context.random, error.retryAfterMs);
      context.reporter?.notice({ kind: 'step', text: describeWait(error, waitMs, made + 1, policy.attempts) });
      await context.clock.sleep(waitMs, context.signal);
    }
  }
}

function describeWait(failure: TransientFailure, waitMs: number, next: number, attempts: number): string {
  const wish = failure.retryAfterMs === undefined ? '' : ', as the server asks';
  return `${failure.message}; attempt ${next} of ${attempts} in ${(waitMs / 1000).toFixed(1)} s${wish}`;
}

/**
 * Between half and all of the doubled wait, so that many clients do not come back at once.
 * @param made failures in a row, at least 1.
 * @param leastMs what the server asked for, in milliseconds.
 * @returns milliseconds.
 */
export function backoffMs(made: number, policy: RetryPolicy, random: () => number, leastMs = 0): number {
  const backoff = policy.firstWaitMs * 2 ** (made - 1) * (0.5 + random() / 2);
  return Math.min(Math.max(backoff, leastMs), policy.longestWaitMs);
}

/**
 * Reads a `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3).
 * @param now wall clock, milliseconds since 1970.
 * @returns milliseconds, not negative; undefined when it says nothing.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) * 1000;
  // Of the three forms of a date, only one that servers no longer send goes without the zone, and means the same one.
  const date = /[a-z]/i.test(text) ? Date.parse(/gmt$/i.test(text) ? text : `${text} GMT`) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
