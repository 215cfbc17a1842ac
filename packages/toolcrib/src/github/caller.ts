import { displayUrl } from '../transfer/display-url.ts';
import type { Transfer } from '../transfer/transfer.ts';
import type { TransferOptions } from '../transfer/transfer-options.ts';
import type { GithubAddresses } from './addresses.ts';
import {
  answerIn,
  attemptsOf,
  beforeRetry,
  Call,
  failureBehind,
  patientOptions,
  type GithubPatience,
} from './patience.ts';
import { transferFetch } from './transfer-fetch.ts';

/** What all requests to one GitHub share. */
export interface CallerOptions {
  readonly addresses: GithubAddresses;
  readonly transfer: Transfer;
  /** Value of the header of that name; undefined: none is sent. */
  readonly authorization: string | undefined;
  readonly options: TransferOptions;
  readonly patience: GithubPatience;
}

/** An answer of GitHub, whatever its status. */
export interface GithubAnswer {
  /** What was asked, for messages, e.g. `POST https://api.github.com/repos/o/r/releases`; carries no secret. */
  readonly what: string;
  readonly status: number;
  /** By name in lower case. */
  readonly header: (name: string) => string | undefined;
  /** The body, as JSON if it was that. */
  readonly data: unknown;
}

/** How a request is made. */
export interface SendOptions {
  /** Whether one whose answer was lost is made again; default: all but POST. */
  readonly repeatable?: boolean | undefined;
  /** Further headers, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Octokit, loaded with the first request. */
export interface Caller {
  /**
   * Makes a request, repeated as far as it may be.
   * @param route e.g. `GET /repos/{owner}/{repo}/releases`.
   * @param parameters its parts, and `baseUrl`, `data` of Octokit.
   * @throws RemoteError of the network; whatever the body's source throws; the signal's reason.
   */
  send(route: string, parameters: object, options: SendOptions): Promise<GithubAnswer>;
  /** Ends waits. */
  close(): void;
}

/** Headers of every request: GitHub's documentation, "API Versions" and "Media types". */
export const API_HEADERS = { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' };

export function createCaller(settings: CallerOptions): Caller {
  const closed = new AbortController();
  let octokit: ReturnType<typeof loadOctokit> | undefined;
  return {
    async send(route, parameters, { repeatable = !route.startsWith('POST '), headers, signal }) {
      signal?.throwIfAborted();
      octokit ??= loadOctokit(settings, closed.signal);
      const { request } = await octokit;
      const call = new Call(route, repeatable ? attemptsOf(settings.options) : 1, signal);
      // Only to forbid it: a number of its own makes the retry plugin repeat whatever was refused, too.
      const own = { call, ...(!repeatable && { retries: 0 }), ...(signal !== undefined && { signal }) };
      return await abortable(
        answerOf(request(route, { ...parameters, headers: { ...API_HEADERS, ...headers }, request: own }), route),
        signal,
      );
    },
    close: () => closed.abort(new Error('the client of GitHub was closed')),
  };
}

async function loadOctokit(settings: CallerOptions, closed: AbortSignal) {
  const { addresses, transfer, authorization, options, patience } = settings;
  const { Octokit, retry, throttling } = await import('./sdk.ts');
  const hooks = (octokit: InstanceType<typeof Octokit>): void => {
    octokit.hook.error('request', (error, { request }) => beforeRetry(error, request, options));
  };
  // Ours first: the hook that was added first is the nearest to the request.
  const Client = Octokit.plugin(hooks, retry, throttling);
  return new Client({
    baseUrl: addresses.api,
    userAgent: 'toolcrib',
    log: SILENT,
    request: { fetch: transferFetch(transfer, authorization), log: SILENT },
    ...patientOptions(options, patience, closed),
  });
}

const silence = (): void => undefined;

/** Without one of our own Octokit would write to the console. */
const SILENT = { debug: silence, info: silence, warn: silence, error: silence };

/** Octokit throws negative answers; whatever else it throws is none. */
async function answerOf(sending: Promise<unknown>, route: string): Promise<GithubAnswer> {
  try {
    return githubAnswer(await sending, route);
  } catch (error) {
    const answer = answerIn(error);
    if (answer === undefined) throw failureBehind(error);
    return githubAnswer(answer, route);
  }
}

function githubAnswer(answer: unknown, route: string): GithubAnswer {
  if (!isOctokitAnswer(answer)) throw new Error('Octokit gave an answer that is none');
  const { status, url, headers, data } = answer;
  return {
    what: `${route.slice(0, route.indexOf(' '))} ${displayUrl(url)}`,
    status,
    data,
    header: (name) => (headers[name] === undefined ? undefined : String(headers[name])),
  };
}

interface OctokitAnswer {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly data: unknown;
}

function isOctokitAnswer(answer: unknown): answer is OctokitAnswer {
  return typeof answer === 'object' && answer !== null && 'status' in answer && 'url' in answer && 'headers' in answer;
}

/** The scheduler of the throttling plugin knows no signals: a request that waits in it is left to itself. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(reasonOf(signal));
    signal.addEventListener('abort', onAbort, { once: true });
  });
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted', { cause: signal.reason });
}
