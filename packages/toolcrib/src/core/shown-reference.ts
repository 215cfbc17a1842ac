import { quoted } from './printable.ts';

/** What a URL begins with; browsers and servers take http without slashes, too. Anything else is a path. */
const SCHEME = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/|https?:[/\\]*)/i;
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
  if (scheme === '' || isScheme('file', scheme)) return reference;
  const shown = rest.replace(userinfoOf(scheme, rest), '…@');
  if (isScheme('store', scheme) || shown.endsWith('?insecure=true')) return scheme + shown;
  return scheme + shown.replace(/^([^?#]*[?#])[^]+$/, '$1…');
}

/** The same as a JSON string. */
export function quotedReference(reference: string): string {
  return quoted(shownReference(reference));
}

/** Whether a reference has a user or a password before its host: such would stand in git. */
export function carriesCredentials(reference: string): boolean {
  const { scheme, rest } = splitScheme(reference);
  return scheme !== '' && !isScheme('file', scheme) && userinfoOf(scheme, rest).test(rest);
}

function splitScheme(reference: string): { readonly scheme: string; readonly rest: string } {
  const scheme = SCHEME.exec(reference)?.[0] ?? '';
  return { scheme, rest: reference.slice(scheme.length) };
}

function isScheme(name: string, scheme: string): boolean {
  return scheme.trim().toLowerCase().startsWith(`${name}:`);
}

function userinfoOf(scheme: string, rest: string): RegExp {
  if (isScheme('store', scheme)) return STORE_USERINFO;
  return URL.canParse(`http://${rest}`) ? USERINFO : ANY_USERINFO;
}
