import * as z from 'zod/mini';
import { RemoteError } from '../core/errors.ts';
import '../core/schema-messages.ts';
import { mayPass } from '../transfer/passing-status.ts';
import type { GithubAnswer } from './caller.ts';
import { parseRetryAfter } from '../transfer/retry.ts';
import { visibleText } from './visible-text.ts';

/** What the caller knows about its own request. */
export interface RequestContext {
  /** The token that was sent; undefined: none. */
  readonly token: string | undefined;
  /** The permission that the request needs, as GitHub names them, e.g. `contents: write`. */
  readonly needs: string;
}

/** One thing that GitHub did not accept about a request: an element of `errors` of a 422. */
export interface Problem {
  /** E.g. `already_exists`. */
  readonly code: string;
  /** E.g. `tag_name`; empty when GitHub names none. */
  readonly field: string;
  readonly message: string;
}

const text = z.catch(z.string(), '');
const problemSchema = z.union([
  z.object({ code: text, field: text, message: text }),
  z.pipe(
    z.string(),
    z.transform((message) => ({ code: 'custom', field: '', message })),
  ),
]);
const bodySchema = z.object({ message: text, errors: z.catch(z.optional(z.array(problemSchema)), undefined) });

/** What GitHub said of a request that it understood and did not accept. Texts are visible as they are. */
export function problemsOf(data: unknown, token: string | undefined): readonly Problem[] {
  const problems = bodySchema.safeParse(data).data?.errors ?? [];
  return problems.map(({ code, field, message }) => ({
    code: visibleText(code, token),
    field: visibleText(field, token),
    message: visibleText(message, token),
  }));
}

/**
 * A negative answer as an error: RemoteError `UNREACHABLE` where time may help (5xx, rate limits), else
 * `REMOTE_REFUSED`. `details.status` has the status.
 */
export function answerFailure(answer: GithubAnswer, context: RequestContext): RemoteError {
  const { status } = answer;
  const message = `${answer.what} answered ${status}${describe(answer, context)}`;
  const limited = rateLimit(answer);
  if (limited !== undefined) return limitFailure(message, status, limited);
  if (mayPass(status)) {
    return new RemoteError('UNREACHABLE', message, { hint: 'try again later', details: { status } });
  }
  return new RemoteError('REMOTE_REFUSED', message, { hint: hintFor(answer, context), details: { status } });
}

function describe({ data }: GithubAnswer, { token }: RequestContext): string {
  const problems = problemsOf(data, token).map(
    ({ code, field, message }) => message || [field, code].filter(Boolean).join(' '),
  );
  const message = bodySchema.safeParse(data).data?.message ?? '';
  const all = visibleText([message, ...problems].filter(Boolean).join('; '), token);
  return all === '' ? '' : `: ${all}`;
}

/** What GitHub says about limits: GitHub's documentation, "Rate limits for the REST API". */
interface RateLimit {
  readonly kind: 'primary' | 'secondary';
  /** ISO 8601; undefined when GitHub does not say it. */
  readonly until: string | undefined;
}

function rateLimit({ status, header, data }: GithubAnswer): RateLimit | undefined {
  if (status !== 403 && status !== 429) return undefined;
  if (header('x-ratelimit-remaining') === '0') {
    return { kind: 'primary', until: timeOf(header('x-ratelimit-reset')) };
  }
  const message = bodySchema.safeParse(data).data?.message ?? '';
  return /\bsecondary rate\b/i.test(message) || status === 429 ? { kind: 'secondary', until: undefined } : undefined;
}

/** GitHub's documentation, "Rate limits for the REST API": wait a minute when it does not say how long. */
const UNSAID_WAIT_MS = 60_000;

/**
 * How long to wait for a limit to pass.
 * @param now wall clock, milliseconds since 1970.
 * @returns milliseconds; undefined when the answer is about no limit.
 */
export function limitWaitMs(answer: GithubAnswer, now: number): number | undefined {
  const limited = rateLimit(answer);
  if (limited === undefined) return undefined;
  const { until } = limited;
  if (until !== undefined) return Math.max(0, Date.parse(until) - now) + 1000;
  return parseRetryAfter(answer.header('retry-after'), now) ?? UNSAID_WAIT_MS;
}

function timeOf(seconds: string | undefined): string | undefined {
  if (seconds === undefined || !/^[0-9]{1,11}$/.test(seconds)) return undefined;
  return new Date(Number(seconds) * 1000).toISOString();
}

function limitFailure(message: string, status: number, { kind, until }: RateLimit): RemoteError {
  const when = until === undefined ? '' : `, until ${until}`;
  const hint =
    kind === 'primary'
      ? 'wait until then; a token (TOOLCRIB_GITHUB_TOKEN) has a higher limit than none'
      : 'wait some minutes: GitHub wants fewer requests in a row';
  return new RemoteError('UNREACHABLE', `${message} (${kind} rate limit${when})`, {
    hint,
    details: { status, rateLimit: kind, ...(until !== undefined && { until }) },
  });
}

function hintFor({ status, header }: GithubAnswer, { token, needs }: RequestContext): string {
  if (token === undefined && [401, 403, 404].includes(status)) {
    return `set TOOLCRIB_GITHUB_TOKEN or GITHUB_TOKEN to a token with the permission "${needs}"`;
  }
  if (status === 401) return `the token is not valid or has expired: it has to be one with the permission "${needs}"`;
  if (status === 403) return `the token needs the permission "${needs}"${accepted(header, token)} for this repository`;
  if (status === 404) return `check owner and repository; a token without the permission "${needs}" sees this as well`;
  if (status < 400) return 'the repository was renamed or moved: write its name of today';
  return 'look at the repository and its settings';
}

/** What would have been enough, when GitHub says it. */
function accepted(header: GithubAnswer['header'], token: string | undefined): string {
  const permissions = header('x-accepted-github-permissions');
  return permissions === undefined ? '' : ` (GitHub: ${visibleText(permissions, token)})`;
}
