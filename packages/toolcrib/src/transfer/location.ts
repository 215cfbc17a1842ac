import { unescape } from 'node:querystring';
import { RemoteError } from '../core/errors.ts';
import { displayUrl } from './display-url.ts';

/** Where a request goes, and what may be shown to that server only. */
export interface Location {
  /** Without user and password. */
  readonly url: URL;
  /** Value of the `Authorization` header. */
  readonly authorization: string | undefined;
}

/**
 * Takes user and password out of a URL; they become basic credentials, unless others were given.
 * @throws RemoteError `REMOTE_REFUSED` for a URL that is not http or https.
 */
export function locationOf(text: string, authorization: string | undefined): Location {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new RemoteError('REMOTE_REFUSED', `not an http or https URL: ${displayUrl(text)}`, {
      hint: 'check the store and the rewrite rules in toolcrib.json',
    });
  }
  const own = basicCredentials(url);
  url.username = '';
  url.password = '';
  return { url, authorization: authorization ?? own };
}

function basicCredentials(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const pair = `${unescape(url.username)}:${unescape(url.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/**
 * The next hop of a redirect. Credentials stay with the origin they were meant for.
 * @throws RemoteError `REMOTE_REFUSED` when it leads nowhere, or out of https.
 */
export function redirected(from: Location, target: string | undefined): Location {
  const url = target === undefined ? null : URL.parse(target, from.url.href);
  if (url === null) throw refused(from, 'without a usable Location');
  if (from.url.protocol === 'https:' && url.protocol !== 'https:')
    throw refused(from, `to ${displayUrl(url)}, which leaves https`);
  const keeps = url.origin === from.url.origin;
  return locationOf(url.href, keeps ? from.authorization : undefined);
}

function refused(from: Location, what: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${displayUrl(from.url)} answered with a redirect ${what}`, {
    hint: 'check the address of the store, its region and the rewrite rules',
  });
}
