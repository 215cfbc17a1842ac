import { quoted } from './printable.ts';

/** What a URL begins with; browsers and servers take http with any slashes, and without. Anything else is a path. */
const SCHEME = /^\s*(?:https?:[/\\]*|[a-z][a-z0-9+.-]*:\/\/)/i;
/** What parsers of URLs pass over, wherever it stands (WHATWG URL, 4.4). */
const PASSED_OVER = /[\t\n\r]/g;
/** Where a URL within another reference has its host. */
const NESTED_HOST = /:[/\\]{2,}/;
/** A user or a password there. */
const NESTED_USERINFO = /:[/\\]{2,}[^/\\?#\s]*@(?!sha256:)/;
/** A digest follows its @ and is no host. */
const USERINFO = /^[^/\\?#]*@(?!sha256:)/;
/** Where no host can be read: a password may hold what ends one. */
const ANY_USERINFO = /^[^]*@(?!sha256:)/;
/** The @ of a version comes last in a reference of a store. */
const STORE_USERINFO = /^[^/]*@(?=[^@]*@)/;

/**
 * A reference of any kind as it may be shown: without the credentials that somebody put into it, and without a query or a
 * fragment, which can be what opens a server.
 */
export function shownReference(reference: string): string {
  const { scheme, rest } = splitScheme(reference);
  if (scheme === '' || isScheme('file', scheme)) return scheme + withoutNested(rest);
  const shown = withoutNested(rest.replace(userinfoOf(scheme, rest), '…@'));
  if (isScheme('store', scheme) || shown.endsWith('?insecure=true')) return scheme + shown;
  return scheme + shown.replace(/^([^?#]*[?#])[^]+$/, '$1…');
}

/** The same as a JSON string. */
export function quotedReference(reference: string): string {
  return quoted(shownReference(reference));
}

/** Whether a reference, or a URL within it, has a user or a password before its host: such would stand in git. */
export function carriesCredentials(reference: string): boolean {
  const { scheme, rest } = splitScheme(reference);
  if (NESTED_USERINFO.test(rest)) return true;
  return scheme !== '' && !isScheme('file', scheme) && userinfoOf(scheme, rest).test(rest);
}

/** Without what can be a password of a URL within: it may hold anything up to the last @ that is no digest's. */
function withoutNested(text: string): string {
  const host = NESTED_HOST.exec(text);
  if (host === null) return text;
  const start = host.index + host[0].length;
  let at = text.lastIndexOf('@');
  while (at >= start && text.startsWith('sha256:', at + 1)) at = text.lastIndexOf('@', at - 1);
  return at < start ? text : `${text.slice(0, start)}…${text.slice(at)}`;
}

function splitScheme(reference: string): { readonly scheme: string; readonly rest: string } {
  const bare = reference.replaceAll(PASSED_OVER, '');
  const scheme = SCHEME.exec(bare)?.[0] ?? '';
  return scheme === '' ? { scheme, rest: reference } : { scheme, rest: bare.slice(scheme.length) };
}

function isScheme(name: string, scheme: string): boolean {
  return scheme.trim().toLowerCase().startsWith(`${name}:`);
}

function userinfoOf(scheme: string, rest: string): RegExp {
  if (isScheme('store', scheme)) return STORE_USERINFO;
  return URL.canParse(`http://${rest}`) ? USERINFO : ANY_USERINFO;
}
