import type { Json } from './json-schema.ts';

/** What a route answers. */
export interface Answer {
  readonly status: number;
  /** Goes out as `application/json; charset=utf-8`. */
  readonly json?: Json;
  readonly bytes?: Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

const DOCUMENTATION = 'https://docs.github.com/rest';

export function refused(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, json: { message, documentation_url: DOCUMENTATION, status: `${status}` }, headers };
}

export const notFound = (): Answer => refused(404, 'Not Found');
export const noContent = (): Answer => ({ status: 204 });
export const ok = (json: Json, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status: 200,
  json,
  headers,
});

/** One element of `errors` of a 422. */
export interface FieldError {
  readonly resource: string;
  readonly code: string;
  readonly field?: string;
  readonly message?: string;
}

export function invalid(...errors: readonly FieldError[]): Answer {
  const json = {
    message: 'Validation Failed',
    errors: errors.map((error) => ({ ...error })),
    documentation_url: DOCUMENTATION,
  };
  return { status: 422, json };
}

/** What GitHub answers to who asks too fast (GitHub's documentation, "Rate limits for the REST API"). */
export function secondaryLimit(retryAfterS: number): Answer {
  return refused(403, 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.', {
    'retry-after': `${retryAfterS}`,
  });
}

/**
 * One page of a listing, as `page` and `per_page` ask for it, with its `Link` header.
 * @param url of the request, absolute.
 */
export function paginated(all: readonly Json[], url: URL): Answer {
  const perPage = Math.min(100, Number(url.searchParams.get('per_page') ?? 30));
  const page = Number(url.searchParams.get('page') ?? 1);
  const last = Math.max(1, Math.ceil(all.length / perPage));
  const link = (to: number, relation: string): string => {
    const target = new URL(url);
    target.searchParams.set('page', `${to}`);
    return `<${target.href}>; rel="${relation}"`;
  };
  const links = [
    ...(page > 1 ? [link(page - 1, 'prev'), link(1, 'first')] : []),
    ...(page < last ? [link(page + 1, 'next'), link(last, 'last')] : []),
  ];
  const items = all.slice((page - 1) * perPage, page * perPage);
  return ok(items, links.length === 0 ? {} : { link: links.join(', ') });
}
