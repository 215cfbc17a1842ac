import type { Readable } from 'node:stream';
import { EnvHttpProxyAgent, Pool } from 'undici';
import { combineSignals } from '../core/combined-signal.ts';
import { trustedAuthorities } from './certificate-authorities.ts';
import type { Connections } from './connections.ts';
import { proxyRefusal } from './proxy-refusal.ts';
import { CONNECT_TIMEOUT_MS, STALL_TIMEOUT_MS, type TransferOptions } from './transfer-options.ts';

/**
 * Connections by way of the proxies that were named and no others. This file is imported when the first URL is asked
 * for, because undici is heavy; named imports of it survive bundling in a static import only.
 */
export async function openProxiedConnections(options: TransferOptions): Promise<Connections> {
  const agent = await proxyAgent(options);
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, stallTimeoutMs = STALL_TIMEOUT_MS } = options;
  // With each request: an agent does not hand them on to the connections that it makes to a proxy.
  const timeouts = { headersTimeout: stallTimeoutMs, bodyTimeout: stallTimeoutMs };
  return {
    async send({ method, url, headers, body, signal }) {
      const patience = patienceForHead(body, connectTimeoutMs + stallTimeoutMs);
      const target = { origin: url.origin, path: url.pathname + url.search };
      const request = { ...target, method, headers, body: body ?? null, ...timeouts };
      try {
        const answer = await agent.request({ ...request, signal: combineSignals([signal, patience.signal]) });
        return { status: answer.statusCode, headers: answer.headers, body: answer.body };
      } catch (error) {
        signal?.throwIfAborted();
        throw proxyRefusal(error, url) ?? error;
      } finally {
        patience.end();
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * Until the head of an answer is there as a whole, from when the request was sent, or made where it has no body. undici
 * begins to wait anew with each answer that only asks for patience.
 */
function patienceForHead(body: Readable | undefined, ms: number): { readonly signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = (): void => {
    const late = Object.assign(new Error('timeout: no answer'), { code: 'ETIMEDOUT' });
    timer = setTimeout(() => controller.abort(late), ms);
  };
  if (body === undefined) begin();
  else body.once('end', begin);
  const end = (): void => {
    body?.off('end', begin);
    clearTimeout(timer);
  };
  return { signal: controller.signal, end };
}

async function proxyAgent(options: TransferOptions): Promise<EnvHttpProxyAgent> {
  const ca = await trustedAuthorities(options.certificateAuthorities);
  const tls = ca === undefined ? {} : { ca };
  const connectTimeout = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const { http, https, noProxy } = options.proxy ?? {};
  return new EnvHttpProxyAgent({
    // One large body a connection: HTTP/2 brings its flow control and no gain.
    allowH2: false,
    // The first is for hosts that are reached directly, the second for proxies, the third for a tunnel to be dug.
    connect: { timeout: connectTimeout, ...tls },
    connectTimeout,
    clientFactory: (proxy, settings) => new Pool(proxy, { ...settings, headersTimeout: connectTimeout }),
    requestTls: tls,
    proxyTls: tls,
    // Empty strings, because for an absent one it would look into the environment.
    httpProxy: http ?? '',
    httpsProxy: https ?? '',
    noProxy: noProxy ?? '',
  });
}
