import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, UsageError } from '../core/errors.ts';
import { isLoopback } from '../core/loopback.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';
import { PACK_LIMITS } from '../extensions/pack/limits.ts';
import type { RunningServer } from '../serve/running-server.ts';
import type { ServeEvent } from '../serve/serve-event.ts';
import type { Host } from './host.ts';

export type { RunningServer, ServeEvent };

export interface ServeOptions {
  /** The folder to serve; it exists. */
  readonly root: string;
  /** Default 8417; 0 for any that is free. */
  readonly port?: number;
  /** The address to listen on. Default 127.0.0.1: this machine only. */
  readonly host?: string;
  /** Holds the bearer token that publishing needs. Absent: files are read only. */
  readonly tokenFile?: string;
  /** No larger file is taken, in bytes. Default 2 GiB. */
  readonly maxFileBytes?: number;
  /** Milliseconds for transfers that run when it is told to stop. Default 20 s. */
  readonly stopMs?: number;
  readonly onEvent?: (event: ServeEvent) => void;
}

export const DEFAULT_PORT = 8417;

/**
 * Serves a folder as an HTTP store: docs/guides/serving.md. Stops when the host's signal aborts.
 * @returns as soon as it listens.
 * @throws UsageError `USAGE` (root, token file, port); RemoteError `CANNOT_LISTEN`, `STORAGE`; the signal's reason.
 */
export async function serveStore(host: Host, options: ServeOptions): Promise<RunningServer> {
  const { port = DEFAULT_PORT, host: address = '127.0.0.1', tokenFile, maxFileBytes, stopMs } = options;
  verifyNumber('port', port, 0, 65_535);
  if (maxFileBytes !== undefined) verifyNumber('max-file-bytes', maxFileBytes, 1, Number.MAX_SAFE_INTEGER);
  const root = await servedRoot(resolve(host.cwd, options.root), tokenFile !== undefined);
  const { readPublishToken } = await import('../serve/publish-token.ts');
  const token = tokenFile === undefined ? undefined : await readPublishToken(resolve(host.cwd, tokenFile));
  const { startStoreServer, PATIENCE, UPLOAD_LIMITS } = await import('../serve/store-server.ts');
  const { renderStorePage } = await import('../report/store-page.ts');
  if (token !== undefined && !isLoopback(address)) warnOfPlainHttp(host);
  host.signal?.throwIfAborted();
  const server = await startStoreServer({
    root,
    host: address,
    port,
    token,
    limits: { ...UPLOAD_LIMITS, ...(maxFileBytes !== undefined && { maxFileBytes }) },
    patience: { ...PATIENCE, ...(stopMs !== undefined && { stopMs }) },
    renderPage: renderStorePage,
    judge: { maxBytes: PACK_LIMITS.maxPackBytes, verify: verifyUploaded },
    onEvent: options.onEvent ?? (() => undefined),
    clock: host.clock,
  });
  if (host.signal?.aborted === true) await server.stop();
  host.signal?.throwIfAborted();
  host.signal?.addEventListener('abort', () => void server.stop(), { once: true });
  return server;
}

async function verifyUploaded(path: string, extensionId: string, signal: AbortSignal): Promise<void> {
  const { verifyPack } = await import('../extensions/pack/verify-pack.ts');
  await verifyPack(await openRegularFile(path), extensionId, signal);
}

function warnOfPlainHttp({ reporter }: Host): void {
  reporter.notice({
    kind: 'warning',
    text: 'this server speaks plain HTTP and listens to other machines: the token crosses the network in the clear',
    hint: 'listen on 127.0.0.1 and put a server that speaks TLS before it: docs/guides/serving.md',
  });
}

/** @throws UsageError `USAGE`. */
async function servedRoot(root: string, writable: boolean): Promise<string> {
  const use = writable ? 'read and write' : 'read';
  try {
    if (!(await stat(root)).isDirectory()) throw new Error('it is not a directory');
    await access(root, constants.R_OK | constants.X_OK | (writable ? constants.W_OK : 0));
    return root;
  } catch (error) {
    throw new UsageError('USAGE', `cannot serve ${root}: ${messageOf(error)}`, {
      hint: `--root names a directory that exists and that this user may ${use}`,
      details: { root },
      cause: error,
    });
  }
}

function verifyNumber(option: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new UsageError('USAGE', `--${option} takes a whole number from ${least} to ${most}, found ${value}`, {
    hint: `leave --${option} away for the default`,
  });
}
