import { RemoteError } from '../core/errors.ts';
import { displayUrl } from './display-url.ts';
import { mayPass } from './passing-status.ts';

/** How undici words the answer of a proxy that does not do its part; it keeps the status nowhere else. */
const WORDS = /^Proxy (?:response \(([0-9]{3})\) !== 200|Authentication Required \((407)\))/;

/**
 * What a proxy that will not connect us becomes: RemoteError `REMOTE_REFUSED`; undefined for any other error, and for one
 * that may pass.
 */
export function proxyRefusal(error: unknown, url: URL): RemoteError | undefined {
  const found = error instanceof Error ? WORDS.exec(error.message) : null;
  const status = Number(found?.[1] ?? found?.[2]);
  if (Number.isNaN(status) || mayPass(status)) return undefined;
  return new RemoteError('REMOTE_REFUSED', `the proxy answered ${status} on the way to ${displayUrl(url)}`, {
    hint:
      status === 407
        ? 'the proxy wants credentials: put them into its URL'
        : 'the proxy lets nobody through to that server',
    details: { status },
    cause: error,
  });
}
