import { RemoteError } from '../core/errors.ts';
import type { Answer, Connections, Method } from './connections.ts';
import { refuseCoded } from './content-coding.ts';
import { displayUrl } from './display-url.ts';
import { redirected, type Location } from './location.ts';
import { networkFailure } from './network-failure.ts';
import type { Pace } from './pace.ts';
import { replyOf, type Reply } from './reply.ts';
import { openBody, type RequestBody } from './request-body.ts';

/** A request as it is made, in one attempt. */
export interface Exchange {
  readonly connections: Connections;
  readonly pace: Pace;
  readonly start: Location;
  readonly method: Method;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly body: RequestBody | undefined;
  readonly signal: AbortSignal | undefined;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Makes a request once. Redirects of GET and HEAD are followed, and lose credentials where they leave the origin; other
 * methods change something, and whether to do that elsewhere is the caller's decision.
 * @throws TransientFailure or RemoteError as `networkFailure`; RemoteError `REMOTE_REFUSED` for a redirect that leads
 * nowhere, and for a compressed body; whatever the body's source throws; the signal's reason.
 */
export async function converse(exchange: Exchange): Promise<Reply> {
  let location = exchange.start;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const reply = await ask(exchange, location);
    if (!mayFollow(exchange.method) || !REDIRECTS.includes(reply.status)) {
      refuseCoded(exchange.method, reply);
      return reply;
    }
    reply.discard();
    location = redirected(location, reply.headers.get('location'));
  }
  const what = `${displayUrl(exchange.start.url)} redirects more than ${MAX_REDIRECTS} times`;
  throw new RemoteError('REMOTE_REFUSED', what, { hint: 'check the address of the store' });
}

function mayFollow(method: Method): boolean {
  return method === 'GET' || method === 'HEAD';
}

async function ask(exchange: Exchange, location: Location): Promise<Reply> {
  const { connections, pace, method, signal } = exchange;
  const { url } = location;
  const body = exchange.body && openBody(exchange.body);
  let answer: Answer;
  try {
    answer = await connections.send({
      method,
      url,
      headers: headersOf(exchange, location),
      body: body?.stream,
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw body?.failure() ?? networkFailure(error, `${method} ${displayUrl(url)}`);
  }
  return replyOf({ method, url, signal, pace }, answer);
}

function headersOf({ method, headers, body }: Exchange, { authorization }: Location): Record<string, string> {
  return {
    'accept-encoding': 'identity',
    'user-agent': 'toolcrib',
    ...(!mayFollow(method) && { 'content-length': String(body?.size ?? 0) }),
    ...headers,
    ...(authorization !== undefined && { authorization }),
  };
}
