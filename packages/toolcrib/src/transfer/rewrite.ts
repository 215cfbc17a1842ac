/** URLs that start with `from` go to `to` instead: a mirror. */
export interface RewriteRule {
  readonly from: string;
  readonly to: string;
}

/**
 * Applies the rule with the longest matching `from`, once. A rule matches at the end of a path segment only, so that
 * `https://example.com` says nothing about `https://example.com.other.org`.
 */
export function rewriteUrl(url: string, rules: readonly RewriteRule[]): string {
  const rule = rules
    .filter(({ from }) => isPrefix(from, url))
    .reduce<RewriteRule | undefined>(
      (best, next) => (best && best.from.length >= next.from.length ? best : next),
      undefined,
    );
  if (rule === undefined) return url;
  return joinUrl(rule.to, url.slice(rule.from.length));
}

function isPrefix(from: string, url: string): boolean {
  if (from === '' || !url.startsWith(from)) return false;
  const next = url[from.length];
  return from.endsWith('/') || next === undefined || ['/', '?', '#'].includes(next);
}

function joinUrl(to: string, rest: string): string {
  if (to.endsWith('/') && rest.startsWith('/')) return to + rest.slice(1);
  if (rest !== '' && !to.endsWith('/') && !/^[/?#]/.test(rest)) return `${to}/${rest}`;
  return to + rest;
}
