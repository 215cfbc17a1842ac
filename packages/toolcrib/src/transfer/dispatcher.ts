import { EnvHttpProxyAgent } from 'undici';
import { trustedAuthorities } from './certificate-authorities.ts';
import type { Connections } from './connections.ts';
import { CONNECT_TIMEOUT_MS, STALL_TIMEOUT_MS, type TransferOptions } from './transfer-options.ts';

/**
 * Connections by way of the proxies that were named and no others. This file is imported when the first URL is asked
 * for, because undici is heavy; named imports of it survive bundling in a static import only.
 */
export async function openProxiedConnections(options: TransferOptions): Promise<Connections> {
  const ca = await trustedAuthorities(options.certificateAuthorities);
  const tls = ca === undefined ? {} : { ca };
  const stall = options.stallTimeoutMs ?? STALL_TIMEOUT_MS;
  const common = {
    // One large body a connection: HTTP/2 brings its flow control and no gain.
    allowH2: false,
    connect: { timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, ...tls },
    headersTimeout: stall,
    bodyTimeout: stall,
  };
  const { http, https, noProxy } = options.proxy ?? {};
  // Empty strings, because for an absent one it would look into the environment.
  const proxies = { httpProxy: http ?? '', httpsProxy: https ?? '', noProxy: noProxy ?? '' };
  const agent = new EnvHttpProxyAgent({ ...common, ...proxies, requestTls: tls, proxyTls: tls });
  return {
    async send({ method, url, headers, body, signal }) {
      const path = url.pathname + url.search;
      const request = { origin: url.origin, path, method, headers, body: body ?? null, signal: signal ?? null };
      const { statusCode, ...answer } = await agent.request(request);
      return { status: statusCode, headers: answer.headers, body: answer.body };
    },
    close: () => agent.destroy(),
  };
}
