/** Query parameters that say what was asked for and open nothing. */
const HARMLESS = new Set(['versionid', 'partnumber', 'list-type', 'prefix', 'delimiter', 'page', 'per_page']);

/**
 * A URL as it may be shown and archived: no user, no password, no fragment, and of the query only the values of
 * parameters on an allow-list.
 */
export function displayUrl(url: URL | string): string {
  const parsed = typeof url === 'string' ? URL.parse(url) : url;
  if (parsed === null) return '<not a URL>';
  const query = [...parsed.searchParams].map(([key, value]) =>
    HARMLESS.has(key.toLowerCase())
      ? `${encodeURIComponent(key)}=${encodeURIComponent(value)}`
      : `${encodeURIComponent(key)}=***`,
  );
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}
