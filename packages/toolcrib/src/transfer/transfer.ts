import { RemoteError } from '../core/errors.ts';
import type { Answer, Connections } from './connections.ts';
import { displayUrl } from './display-url.ts';
import { locationOf, redirected, type Location } from './location.ts';
import { networkFailure } from './network-failure.ts';
import { readBody } from './response-body.ts';
import { parseRetryAfter, retry, TransientFailure } from './retry.ts';
import { rewriteUrl } from './rewrite.ts';
import type { TransferOptions } from './transfer-options.ts';

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

/** How one URL is asked for. */
export interface GetOptions {
  /** Further request headers, names in lower case. They go to every origin: nothing secret. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Value of `Authorization`: shown to the origin of the URL only, not to a mirror and not after a redirect away. */
  readonly authorization?: string | undefined;
  /** False: a 403 to a request without credentials is `REMOTE_REFUSED` with `details.status`, not undefined. */
  readonly forbiddenIsMissing?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Fetches over HTTP for whoever keeps things on a server. */
export interface Transfer {
  /**
   * @returns undefined for 404, 410, and for 403 when no credentials were sent.
   * @throws RemoteError `OFFLINE` before anything else when offline; `UNREACHABLE` when attempts with backoff did not
   * help (connection, timeout, 408, 429, 5xx), also while bytes flow, where nothing is repeated; `REMOTE_REFUSED` for
   * any other answer; the signal's reason.
   */
  get(url: string, options?: GetOptions): Promise<Download | undefined>;
  /** Ends all connections. */
  close(): Promise<void>;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/** Connections are made when the first URL is asked for. */
export function createTransfer(options: TransferOptions): Transfer {
  let connections: Promise<Connections> | undefined;
  return {
    async get(url, request = {}) {
      refuseOffline(options, url);
      connections ??= openConnections(options);
      const exchange = { options, request, connections: await connections, start: startOf(url, options, request) };
      return await retry(() => follow(exchange), { ...options, signal: request.signal });
    },
    async close() {
      await (await connections)?.close();
    },
  };
}

async function openConnections(options: TransferOptions): Promise<Connections> {
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

interface Exchange {
  readonly options: TransferOptions;
  readonly request: GetOptions;
  readonly connections: Connections;
  readonly start: Location;
}

function startOf(url: string, options: TransferOptions, request: GetOptions): Location {
  const asked = locationOf(url, request.authorization);
  const rewritten = locationOf(rewriteUrl(url, options.rewrite), undefined);
  return rewritten.url.origin === asked.url.origin
    ? { url: rewritten.url, authorization: rewritten.authorization ?? asked.authorization }
    : rewritten;
}

async function follow(exchange: Exchange): Promise<Download | undefined> {
  let location = exchange.start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const response = await send(exchange, location);
    if (!REDIRECTS.includes(response.status)) return settle(exchange, location, response);
    discard(response);
    location = redirected(location, headerOf(response, 'location'));
  }
  throw new RemoteError(
    'REMOTE_REFUSED',
    `${displayUrl(exchange.start.url)} redirects more than ${MAX_REDIRECTS} times`,
    {
      hint: 'check the address of the store',
    },
  );
}

async function send(exchange: Exchange, location: Location): Promise<Answer> {
  const { request, connections } = exchange;
  try {
    return await connections.get({
      url: location.url,
      headers: {
        'accept-encoding': 'identity',
        'user-agent': 'toolcrib',
        ...request.headers,
        ...(location.authorization !== undefined && { authorization: location.authorization }),
      },
      signal: request.signal,
    });
  } catch (error) {
    request.signal?.throwIfAborted();
    throw networkFailure(error, `GET ${displayUrl(location.url)}`);
  }
}

function settle(exchange: Exchange, location: Location, response: Answer): Download | undefined {
  const { status } = response;
  if (status === 200) return download(exchange, location, response);
  discard(response);
  if (status === 404 || status === 410) return undefined;
  const anonymous = exchange.start.authorization === undefined;
  if (status === 403 && anonymous && exchange.request.forbiddenIsMissing !== false) return undefined;
  const what = `GET ${displayUrl(location.url)} answered ${status}`;
  if (!mayPass(status)) throw refusal(what, status);
  const failure = new RemoteError('UNREACHABLE', what, { hint: 'try again later', details: { status } });
  throw new TransientFailure(failure, parseRetryAfter(headerOf(response, 'retry-after'), exchange.options.clock.now()));
}

/** True for answers that another attempt may change. */
function mayPass(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
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

function download(exchange: Exchange, location: Location, response: Answer): Download {
  const url = displayUrl(location.url);
  const length = headerOf(response, 'content-length');
  return {
    size: length !== undefined && /^[0-9]{1,15}$/.test(length) ? Number(length) : undefined,
    url,
    headers: headersOf(response),
    bytes: readBody(response.body, `GET ${url}`, exchange.request.signal),
  };
}

function headerOf(response: Answer, name: string): string | undefined {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function headersOf(response: Answer): ReadonlyMap<string, string> {
  return new Map(Object.keys(response.headers).map((name) => [name, headerOf(response, name) ?? '']));
}

/** Frees the connection of an answer whose body nobody wants. */
function discard(response: Answer): void {
  response.body.on('error', () => undefined);
  response.body.destroy();
}
