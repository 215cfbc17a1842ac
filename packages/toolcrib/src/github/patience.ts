import type { OctokitOptions } from '@octokit/core';
import { mayPass } from '../transfer/passing-status.ts';
import { RETRY_POLICY, TransientFailure } from '../transfer/retry.ts';
import type { TransferOptions } from '../transfer/transfer-options.ts';

/** How long to wait for GitHub, and between requests to it. */
export interface GithubPatience {
  /** Milliseconds: a longer wait for a rate limit is an error that names the time instead. */
  readonly longestLimitWaitMs: number;
  /** How often one request waits for rate limits. */
  readonly limitWaits: number;
  /** Milliseconds between requests that write; GitHub's documentation, "Best practices for using the REST API". */
  readonly writePauseMs: number;
  /** Milliseconds between those that notify people, e.g. of a release or a comment. */
  readonly notifyPauseMs: number;
}

export const GITHUB_PATIENCE: GithubPatience = {
  longestLimitWaitMs: 90_000,
  limitWaits: 2,
  writePauseMs: 1000,
  notifyPauseMs: 3000,
};

/** The attempts of one request: what the hooks of Octokit know of it, as `request.call` in its options. */
export class Call {
  /** For messages, e.g. `POST /repos/{owner}/{repo}/releases`. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
  /** Attempts in all. */
  readonly attempts: number;
  /** Attempts since the last wait for a limit. */
  made = 0;

  constructor(what: string, attempts: number, signal: AbortSignal | undefined) {
    this.what = what;
    this.attempts = attempts;
    this.signal = signal;
  }
}

/** Attempts for a request that may be made more than once. */
export function attemptsOf(options: TransferOptions): number {
  return (options.retry ?? RETRY_POLICY).attempts;
}

/**
 * Settings of Octokit's retry and throttling plugins. They decide what is repeated; all waiting is done here, by our
 * clock, so that it is bounded, told, and ends with an abort.
 * @param closed aborts when the client is closed.
 */
export function patientOptions(
  options: TransferOptions,
  patience: GithubPatience,
  closed: AbortSignal,
): Pick<OctokitOptions, 'retry' | 'throttle'> {
  return {
    retry: { retryAfterBaseValue: 0, retries: attemptsOf(options) - 1, doNotRetry: UNREPEATED },
    throttle: {
      retryAfterBaseValue: 0,
      onRateLimit: limitHandler('rate limit', options, patience),
      onSecondaryRateLimit: limitHandler('secondary rate limit', options, patience),
      ...pacing(options, patience, closed),
    },
  };
}

/** Answers that the retry plugin leaves alone: a limit is the throttling plugin's, the others stay what they are. */
const UNREPEATED = Array.from({ length: 200 }, (_, index) => 400 + index).filter(
  (status) => !mayPass(status) || status === 429,
);

/** The plugin's types ask for groups of its own scheduler; it only ever calls `key().schedule()`. */
function pacing(options: TransferOptions, patience: GithubPatience, closed: AbortSignal): object {
  const pause = (ms: number): object => {
    const schedule = paced(ms, options, closed);
    return { key: () => ({ schedule }) };
  };
  return { write: pause(patience.writePauseMs), notifications: pause(patience.notifyPauseMs) };
}

/** Lets one job begin only some time after the one before. */
function paced(pauseMs: number, { clock }: TransferOptions, closed: AbortSignal) {
  let free = 0;
  return async (_options: unknown, job: () => Promise<void>): Promise<void> => {
    const begin = Math.max(free, clock.elapsed());
    free = begin + pauseMs;
    const wait = begin - clock.elapsed();
    if (wait > 0) await clock.sleep(wait, closed);
    await job();
  };
}

/** Typed as the plugin types it; it awaits the answer and takes true for "again". */
type LimitHandler = (retryAfterS: number, request: { readonly request: unknown }) => unknown;

/** Waits for a limit to pass; an abort is told by whoever tries again. */
function limitHandler(kind: string, options: TransferOptions, patience: GithubPatience): LimitHandler {
  const waits = new WeakMap<Call, number>();
  return async (retryAfterS, { request }): Promise<boolean> => {
    const call = callOf(request);
    const waited = waits.get(call) ?? 0;
    const waitMs = retryAfterS * 1000;
    if (waited >= patience.limitWaits || waitMs > patience.longestLimitWaitMs) return false;
    waits.set(call, waited + 1);
    call.made = 0;
    tell(options, `${call.what} has to wait for GitHub's ${kind}; again`, waitMs);
    return await sleepThrough(options, waitMs, call);
  };
}

async function sleepThrough({ clock }: TransferOptions, ms: number, { signal }: Call): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (signal?.aborted === true) return false;
    throw error;
  }
}

/**
 * Octokit's hook for failed attempts, before the retry plugin sees one: waits before another attempt.
 * @throws the given error where the retry plugin is to decide; what is behind it where no attempt can help.
 */
export async function beforeRetry(error: unknown, request: unknown, options: TransferOptions): Promise<never> {
  const call = callOf(request);
  call.made += 1;
  call.signal?.throwIfAborted();
  if (!isPassing(error)) throw behind(error);
  if (call.made < call.attempts) {
    const policy = options.retry ?? RETRY_POLICY;
    const doubled = policy.firstWaitMs * 2 ** (call.made - 1) * (0.5 + options.random() / 2);
    const waitMs = Math.min(doubled, policy.longestWaitMs);
    tell(options, `${call.what}: ${reasonOf(error)}; attempt ${call.made + 1} of ${call.attempts}`, waitMs);
    await options.clock.sleep(waitMs, call.signal);
  }
  throw error;
}

function isPassing(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error.cause instanceof TransientFailure) return true;
  const { status } = answerIn(error) ?? {};
  return typeof status === 'number' && mayPassHere(status);
}

/** Limits are the throttling plugin's business. */
function mayPassHere(status: number): boolean {
  return mayPass(status) && status !== 429;
}

function reasonOf(error: Error): string {
  if (error.cause instanceof TransientFailure) return error.cause.message;
  return `GitHub answered ${String(answerIn(error)?.status)}`;
}

/** Octokit makes an error of its own of whatever its `fetch` throws; one of an answer has that answer. */
function behind(error: unknown): unknown {
  return error instanceof Error && answerIn(error) === undefined && error.cause !== undefined ? error.cause : error;
}

/** The answer that an error of Octokit tells of; undefined when there was none. */
export function answerIn(error: unknown): { readonly status: unknown } | undefined {
  const answer = error instanceof Error && 'response' in error ? error.response : undefined;
  return typeof answer === 'object' && answer !== null && 'status' in answer ? answer : undefined;
}

function tell(options: TransferOptions, text: string, waitMs: number): void {
  options.reporter?.notice({ kind: 'step', text: `${text} in ${(waitMs / 1000).toFixed(1)} s` });
}

function callOf(request: unknown): Call {
  const call = typeof request === 'object' && request !== null && 'call' in request ? request.call : undefined;
  if (call instanceof Call) return call;
  throw new Error('a request to GitHub that nobody counts');
}

/** The failure behind an error of Octokit that is no answer. */
export function failureBehind(error: unknown): unknown {
  const cause = behind(error);
  return cause instanceof TransientFailure ? cause.failure : cause;
}
