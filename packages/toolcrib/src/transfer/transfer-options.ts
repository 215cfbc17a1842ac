import type { Clock } from '../core/clock.ts';
import type { Reporter } from '../core/reporter.ts';
import type { PaceOptions } from './pace.ts';
import type { RetryPolicy } from './retry.ts';
import type { RewriteRule } from './rewrite.ts';

/** Proxies as the usual variables name them; each may carry `user:password@`. */
export interface ProxySettings {
  /** For `http:` URLs, and for `https:` ones when `https` is absent. */
  readonly http?: string | undefined;
  readonly https?: string | undefined;
  /** Hosts that are reached directly, in the syntax of `NO_PROXY`. */
  readonly noProxy?: string | undefined;
}

/** Everything a connection depends on, decided once at the edge. */
export interface TransferOptions {
  /** No socket is ever opened. */
  readonly offline: boolean;
  readonly rewrite: readonly RewriteRule[];
  readonly proxy?: ProxySettings | undefined;
  /** PEM certificates that are trusted besides the usual ones. */
  readonly certificateAuthorities?: string | undefined;
  /** Milliseconds until a connection has to stand; 10,000 when absent. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Milliseconds without a byte, and until the whole head of an answer to a request that was sent, after which a transfer
   * has failed; 60,000 when absent.
   */
  readonly stallTimeoutMs?: number | undefined;
  /** How slowly bodies may come; for what is absent see `pace.ts`. */
  readonly pace?: PaceOptions | undefined;
  readonly retry?: RetryPolicy | undefined;
  /** How many requests each origin gets at once, bodies included; 8 when absent. */
  readonly parallelRequests?: number | undefined;
  /** Is told of each wait before another attempt. */
  readonly reporter?: Reporter | undefined;
  readonly clock: Clock;
  /** 0 ≤ n < 1, spreads retries. */
  readonly random: () => number;
}

/** How long is waited for what, and how often; for what is absent see {@link TransferOptions}. */
export type TransferPatience = Pick<TransferOptions, 'connectTimeoutMs' | 'stallTimeoutMs' | 'pace' | 'retry'>;

export const CONNECT_TIMEOUT_MS = 10_000;
export const STALL_TIMEOUT_MS = 60_000;
export const PARALLEL_REQUESTS = 8;
