import { randomBytes } from 'node:crypto';
import { userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { layoutOf } from '../cache/layout.ts';
import { UsageError } from '../core/errors.ts';
import { silentReporter, type Reporter } from '../core/reporter.ts';
import type { TransferPatience } from '../transfer/transfer-options.ts';

/** What a flow takes from the machine it runs on. Nothing below reads the environment, the clock or randomness itself. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths of a caller are meant from here. */
  readonly cwd: string;
  readonly clock: Clock;
  /** Unguessable bytes. */
  readonly random: (size: number) => Uint8Array;
  readonly reporter: Reporter;
  /** True: no socket of the internet is opened. */
  readonly offline: boolean;
  /** Absolute path of the cache: formats.md 5. */
  readonly cacheDirectory: string;
  /** Absolute path of the ledger of placements. */
  readonly ledgerDirectory: string;
  readonly signal: AbortSignal | undefined;
  /** With servers. Absent: as `transfer/transfer-options.ts` says. */
  readonly patience?: TransferPatience | undefined;
}

export interface HostOptions {
  /** Usually `process.env`: proxies, credentials of stores, `DOCKER_HOST`, `TOOLCRIB_CACHE_DIR`, `XDG_CACHE_HOME`, `TOOLCRIB_LEDGER_DIR`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Default: the process's working directory. */
  readonly cwd?: string;
  /** Default: says nothing. */
  readonly reporter?: Reporter;
  readonly offline?: boolean;
  /** Default: by the environment, see {@link cacheDirectoryOf}. */
  readonly cacheDirectory?: string;
  /** Of the ledger of placements. Default: `TOOLCRIB_LEDGER_DIR`, else in the cache. */
  readonly ledgerDirectory?: string;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
  readonly random?: (size: number) => Uint8Array;
  readonly patience?: TransferPatience;
}

/** The machine as it is, with what the caller wants to be otherwise. */
export function createHost(options: HostOptions): Host {
  const cwd = resolve(options.cwd ?? '.');
  const cacheDirectory = resolve(cwd, options.cacheDirectory ?? cacheDirectoryOf(options.env));
  return {
    env: options.env,
    cwd,
    clock: options.clock ?? systemClock,
    random: options.random ?? randomBytes,
    reporter: options.reporter ?? silentReporter,
    offline: options.offline ?? false,
    cacheDirectory,
    ledgerDirectory: resolve(cwd, options.ledgerDirectory ?? ledgerDirectoryOf(options.env, cacheDirectory)),
    signal: options.signal,
    patience: options.patience,
  };
}

/** `TOOLCRIB_CACHE_DIR`, else `$XDG_CACHE_HOME/toolcrib`, else `~/.cache/toolcrib`. @throws UsageError `USAGE`. */
export function cacheDirectoryOf(env: Readonly<Record<string, string | undefined>>): string {
  const own = env['TOOLCRIB_CACHE_DIR'];
  if (own !== undefined && own !== '') return own;
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg?.startsWith('/') === true) return join(xdg, 'toolcrib');
  return join(homeOf(env), '.cache', 'toolcrib');
}

/** `TOOLCRIB_LEDGER_DIR`, for a cache that cannot be written, else in the cache. */
function ledgerDirectoryOf(env: HostOptions['env'], cacheDirectory: string): string {
  const own = env['TOOLCRIB_LEDGER_DIR'];
  return own === undefined || own === '' ? layoutOf(cacheDirectory).placements : own;
}

/** An empty `HOME` would put the cache wherever the user stands, so the account's own is asked for. */
export function homeOf(env: Readonly<Record<string, string | undefined>>): string {
  const home = env['HOME'];
  if (home !== undefined && home !== '') return home;
  try {
    return userInfo().homedir;
  } catch (error) {
    throw new UsageError('USAGE', 'there is no home directory for the cache: HOME is not set', {
      hint: 'set TOOLCRIB_CACHE_DIR',
      cause: error,
    });
  }
}

/** The real time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => Number(process.hrtime.bigint()) / 1e6, // `performance` is loaded when it is first asked, for a millisecond
  async sleep(ms, signal) {
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal });
    } catch (error) {
      signal?.throwIfAborted(); // with its own reason, not with Node's AbortError
      throw error;
    }
  },
};
