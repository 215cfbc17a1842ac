import { RemoteError } from '../core/errors.ts';
import type { Connections, Method } from './connections.ts';
import { displayUrl } from './display-url.ts';
import { converse, type Exchange } from './exchange.ts';
import { locationOf, type Location } from './location.ts';
import { paceOf } from './pace.ts';
import { mayPass, passingFailure } from './passing-status.ts';
import type { Reply } from './reply.ts';
import type { RequestBody } from './request-body.ts';
import { retry, type TransientFailure } from './retry.ts';
import { limitParallel } from './limited-connections.ts';
import { resumeBytes, type AskForRest } from './resume.ts';
import { rewriteUrl } from './rewrite.ts';
import { PARALLEL_REQUESTS, STALL_TIMEOUT_MS, type TransferOptions } from './transfer-options.ts';

/** An answer whose body is still to be read. */
export interface Download {
  /** In bytes as the server says it; undefined when it does not. Never believed. */
  readonly size: number | undefined;
  /** Where it really comes from, after rewrites and redirects; carries no secret. */
  readonly url: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** The bytes, once. Ending the iteration early frees the connection. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

interface RequestOptions {
  /** Further request headers, names in lower case. They go to every origin: nothing secret. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Value of `Authorization`: shown to the origin of the URL only, not to a mirror and not after a redirect away. */
  readonly authorization?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How one URL is asked for. */
export interface GetOptions extends RequestOptions {
  /** False: a 403 to a request without credentials is `REMOTE_REFUSED` with `details.status`, not undefined. */
  readonly forbiddenIsMissing?: boolean;
  /** Called before undefined is returned: where it was asked for after rewrites and redirects, without secrets. */
  readonly onMissing?: ((answer: { readonly url: string; readonly isHidden: boolean }) => void) | undefined;
}

/** How one request is made. */
export interface SendOptions extends RequestOptions {
  readonly method: Method;
  /** Opened once for each attempt. */
  readonly body?: RequestBody | undefined;
  /** True: may be made more than once, because that changes nothing. Default: one attempt. */
  readonly retry?: boolean;
  /** True, for a GET of a file: where its bytes break off they go on, as far as `resume.ts` can. Default: false. */
  readonly resume?: boolean;
}

/** Speaks HTTP for whoever keeps things on a server. */
export interface Transfer {
  /**
   * @returns undefined for 404, 410, and for 403 when no credentials were sent.
   * @throws RemoteError `OFFLINE` before anything else when offline; `UNREACHABLE` when attempts with backoff did not
   * help (connection, timeout, 408, 429, 5xx), also while bytes flow, which go on where they broke off as far as
   * `resume.ts` can; `REMOTE_REFUSED` for any other answer, and for a compressed one; the signal's reason.
   */
  get(url: string, options?: GetOptions): Promise<Download | undefined>;
  /**
   * Makes a request and hands over the answer, whatever its status; `passing-status.ts` says which may pass. With
   * `retry`, what may pass is repeated, and the last answer handed over. Redirects of GET and HEAD only are followed.
   * @throws RemoteError `OFFLINE` before anything else when offline; `UNREACHABLE` for the network; without `retry`, a
   * {@link TransientFailure} of that where another attempt may help, for the caller's own `retry`; `REMOTE_REFUSED` for
   * a redirect that leads nowhere, and for a compressed body; whatever the body's source throws; the signal's reason.
   */
  send(url: string, options: SendOptions): Promise<Reply>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Connections are made when the first URL is asked for. */
export function createTransfer(options: TransferOptions): Transfer {
  let connections: Promise<Connections> | undefined;
  const prepare = async (url: string, request: SendOptions): Promise<Exchange> => {
    refuseOffline(options, url);
    connections ??= openConnections(options);
    const { method, headers, body, signal } = request;
    const start = startOf(url, options, request);
    return { connections: await connections, pace: paceOf(options), start, method, headers, body, signal };
  };
  return {
    async get(url, request = {}) {
      const exchange = await prepare(url, { ...request, method: 'GET' });
      const settlement = { options, request, anonymous: exchange.start.authorization === undefined };
      const attempt = async (): Promise<Reply | undefined> => settle(await converse(exchange), settlement);
      const reply = await retry(attempt, { ...options, signal: request.signal });
      return reply && resumable(reply, exchange, options);
    },
    async send(url, request) {
      const exchange = await prepare(url, request);
      request.signal?.throwIfAborted();
      const reply = request.retry === true ? await repeat(exchange, options) : await converse(exchange);
      return request.resume === true ? resumable(reply, exchange, options) : reply;
    },
    async close() {
      await (await connections)?.close();
    },
  };
}

async function openConnections(options: TransferOptions): Promise<Connections> {
  const limit = {
    requests: options.parallelRequests ?? PARALLEL_REQUESTS,
    patienceMs: options.stallTimeoutMs ?? STALL_TIMEOUT_MS,
  };
  return limitParallel(await openUnlimited(options), limit);
}

async function openUnlimited(options: TransferOptions): Promise<Connections> {
  if (options.proxy?.http || options.proxy?.https) {
    const { openProxiedConnections } = await import('./dispatcher.ts');
    return await openProxiedConnections(options);
  }
  const { openDirectConnections } = await import('./direct-connections.ts');
  return openDirectConnections(options);
}

/**
 * @param url named in the error, without its secrets.
 * @throws RemoteError `OFFLINE`.
 */
export function refuseOffline(options: { readonly offline: boolean }, url: string): void {
  if (!options.offline) return;
  throw new RemoteError('OFFLINE', `offline: ${displayUrl(url)} was not asked for`, {
    hint: 'run it once without --offline, or bring the files as a bundle',
  });
}

function startOf(url: string, options: TransferOptions, request: RequestOptions): Location {
  const asked = locationOf(url, request.authorization);
  const rewritten = locationOf(rewriteUrl(url, options.rewrite), undefined);
  return rewritten.url.origin === asked.url.origin
    ? { url: rewritten.url, authorization: rewritten.authorization ?? asked.authorization }
    : rewritten;
}

function resumable(reply: Reply, exchange: Exchange, options: TransferOptions): Reply {
  const askForRest: AskForRest = (more) => converse({ ...exchange, headers: { ...exchange.headers, ...more } });
  return { ...reply, bytes: resumeBytes(reply, askForRest, { ...options, signal: exchange.signal }) };
}

/** Repeats a request while its answer may pass; the last one is the answer. */
async function repeat(exchange: Exchange, options: TransferOptions): Promise<Reply> {
  let last: { readonly reply: Reply; readonly failure: TransientFailure } | undefined;
  const attempt = async (): Promise<Reply> => {
    last?.reply.discard();
    last = undefined;
    const reply = await converse(exchange);
    if (!mayPass(reply.status)) return reply;
    last = { reply, failure: passingFailure(exchange.method, reply, options.clock) };
    throw last.failure;
  };
  try {
    return await retry(attempt, { ...options, signal: exchange.signal });
  } catch (error) {
    if (last !== undefined && error === last.failure.failure) return last.reply;
    last?.reply.discard();
    throw error;
  }
}

interface Settlement {
  readonly options: TransferOptions;
  readonly request: GetOptions;
  readonly anonymous: boolean;
}

function settle(reply: Reply, { options, request, anonymous }: Settlement): Reply | undefined {
  const { status } = reply;
  if (status === 200) return reply;
  reply.discard();
  const isHidden = status === 403 && anonymous && request.forbiddenIsMissing !== false;
  if (isHidden || status === 404 || status === 410) {
    request.onMissing?.({ url: reply.url, isHidden });
    return undefined;
  }
  throw mayPass(status)
    ? passingFailure('GET', reply, options.clock)
    : refusal(`GET ${reply.url} answered ${status}`, status);
}

function refusal(what: string, status: number): RemoteError {
  const hint =
    status === 401 || status === 403
      ? 'the server wants other credentials, or these have no right to it'
      : status === 407
        ? 'the proxy wants credentials: put them into its URL'
        : 'check the address of the store';
  return new RemoteError('REMOTE_REFUSED', what, { hint, details: { status } });
}
