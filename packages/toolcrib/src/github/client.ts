import type { Endpoints } from '@octokit/types';
import type * as z from 'zod/mini';
import { IntegrityError, type RemoteError } from '../core/errors.ts';
import type { RequestBody } from '../transfer/request-body.ts';
import { createTransfer, type Download } from '../transfer/transfer.ts';
import type { TransferOptions } from '../transfer/transfer-options.ts';
import { githubAddresses, type GithubAddresses } from './addresses.ts';
import { answerFailure, problemsOf, type Problem, type RequestContext } from './answer-failure.ts';
import { createCaller, type GithubAnswer } from './caller.ts';
import { openDownload, type DownloadOptions } from './download.ts';
import { GITHUB_PATIENCE, type GithubPatience } from './patience.ts';
import { UploadBody } from './transfer-fetch.ts';
import { visibleText } from './visible-text.ts';

/** E.g. `GET /repos/{owner}/{repo}/releases/tags/{tag}`. */
export type GithubRoute = keyof Endpoints;
/** What a route takes, in the words of GitHub's documentation: parts of the path, of the query, of the body. */
export type GithubParameters<R extends GithubRoute> = Endpoints[R]['parameters'];

/** What a client of GitHub needs from outside. */
export interface GithubOptions {
  /** Of an Enterprise server, without a slash at its end; undefined: GitHub.com. */
  readonly endpoint?: string | undefined;
  /** Sent to the API and to the uploads of that GitHub, and to nobody else. */
  readonly token?: string | undefined;
  readonly transfer: TransferOptions;
  readonly patience?: GithubPatience | undefined;
}

export interface GithubCallOptions {
  /** The permission that the token needs, as GitHub names them, e.g. `contents: write`; for messages. */
  readonly needs: string;
  /**
   * Whether a request whose answer was lost is made again. Default: all but POST, which would make a second one of what
   * the first may have made.
   */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What GitHub answered. */
export type GithubReply<T> =
  | { readonly kind: 'done'; readonly data: T; /** True when a further page follows. */ readonly more: boolean }
  /** 404: it is not there, or these credentials do not see it, or may not do that. */
  | { readonly kind: 'missing'; readonly refusal: RemoteError }
  /** 409 or 422: GitHub understood the request and does not accept it. */
  | { readonly kind: 'invalid'; readonly problems: readonly Problem[]; readonly refusal: RemoteError };

/** The REST API of one GitHub. Nothing is loaded before the first request. */
export interface Github {
  readonly addresses: GithubAddresses;
  readonly hasToken: boolean;
  /**
   * Makes a request of the API and reads of the answer what the schema names.
   * @throws RemoteError `OFFLINE`; `UNREACHABLE` after attempts with backoff and bounded waits for rate limits;
   * `REMOTE_REFUSED` with GitHub's own message and the permission that is needed; IntegrityError `MALFORMED`,
   * `TOO_LARGE`; the signal's reason.
   */
  ask<R extends GithubRoute, T>(
    route: R,
    parameters: GithubParameters<R>,
    schema: z.ZodMiniType<T>,
    options: GithubCallOptions,
  ): Promise<GithubReply<T>>;
  /** As {@link Github.ask}, where only success will do. @throws also the refusals of 404, 409 and 422. */
  request<R extends GithubRoute, T>(
    route: R,
    parameters: GithubParameters<R>,
    schema: z.ZodMiniType<T>,
    options: GithubCallOptions,
  ): Promise<T>;
  /**
   * The pages of a listing, one after the other, as long as GitHub names a next one and the reader goes on.
   * @param parameters may set `per_page`; `page` is set here.
   * @throws as {@link Github.request}; IntegrityError `TOO_LARGE` when there are more pages than any listing has.
   */
  pages<R extends GithubRoute, T>(
    route: R,
    parameters: GithubParameters<R>,
    schema: z.ZodMiniType<T>,
    options: GithubCallOptions,
  ): AsyncGenerator<T>;
  /**
   * Sends the bytes of a release asset, in one attempt.
   * @throws as {@link Github.ask}, and whatever the body's source throws.
   */
  uploadAsset<T>(
    asset: { readonly owner: string; readonly repo: string; readonly release_id: number; readonly name: string },
    body: RequestBody,
    schema: z.ZodMiniType<T>,
    options: GithubCallOptions,
  ): Promise<GithubReply<T>>;
  /**
   * Opens bytes that the API gives out or sends elsewhere for; there the token is not sent.
   * @param path below the API's address, with a slash, e.g. `/repos/o/r/releases/assets/1`.
   * @returns undefined for 404 and 410.
   * @throws as {@link Github.request}, also while bytes flow.
   */
  download(path: string, options: DownloadOptions): Promise<Download | undefined>;
  /** Ends all connections and waits. */
  close(): Promise<void>;
}

/** GitHub gives out no more than 10,000 of anything; a listing that is longer does not end. */
const MAX_PAGES = 200;

/** Opens a client; whoever opens it closes it. */
export function openGithub({ endpoint, token, transfer: options, patience }: GithubOptions): Github {
  const addresses = githubAddresses(endpoint);
  const transfer = createTransfer(options);
  const authorization = token === undefined ? undefined : `Bearer ${token}`;
  const settings = { addresses, transfer, authorization, options, patience: patience ?? GITHUB_PATIENCE };
  const call = createCaller(settings);
  const contextOf = ({ needs }: GithubCallOptions): RequestContext => ({ token, needs });

  const github: Github = {
    addresses,
    hasToken: token !== undefined,
    async ask(route, parameters, schema, request) {
      return replyOf(await call.send(route, parameters, request), schema, contextOf(request));
    },
    async request(route, parameters, schema, request) {
      return demand(await github.ask(route, parameters, schema, request));
    },
    async *pages(route, parameters, schema, request) {
      for (let page = 1; page <= MAX_PAGES; page += 1) {
        const sent = await call.send(route, { ...parameters, page }, request);
        const reply = replyOf(sent, schema, contextOf(request));
        yield demand(reply);
        if (reply.kind !== 'done' || !reply.more) return;
      }
      throw endless(route);
    },
    async uploadAsset(asset, body, schema, request) {
      const parameters = {
        ...asset,
        baseUrl: addresses.uploads,
        data: new UploadBody(body),
      };
      const headers = { 'content-type': 'application/octet-stream' };
      const sent = await call.send(UPLOAD_ROUTE, parameters, { ...request, headers, repeatable: false });
      return replyOf(sent, schema, contextOf(request));
    },
    download: (path, request) => openDownload({ ...settings, token }, path, request),
    async close() {
      call.close();
      await transfer.close();
    },
  };
  return github;
}

/** The path of the description; the part of the query that it demands is filled in by Octokit's URL templates. */
const UPLOAD_ROUTE = 'POST /repos/{owner}/{repo}/releases/{release_id}/assets{?name}';

/** What only success will do for. @throws the refusal. */
export function demand<T>(reply: GithubReply<T>): T {
  if (reply.kind === 'done') return reply.data;
  throw reply.refusal;
}

function replyOf<T>(sent: GithubAnswer, schema: z.ZodMiniType<T>, context: RequestContext): GithubReply<T> {
  const { what, status, data, header } = sent;
  if (status < 300) {
    const more = /;\s*rel="next"/.test(header('link') ?? '');
    return { kind: 'done', data: parsed(data, schema, what, context), more };
  }
  const refusal = answerFailure(sent, context);
  if (status === 404) return { kind: 'missing', refusal };
  if (status === 409 || status === 422) {
    return { kind: 'invalid', problems: problemsOf(data, context.token), refusal };
  }
  throw refusal;
}

function parsed<T>(data: unknown, schema: z.ZodMiniType<T>, what: string, { token }: RequestContext): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue === undefined ? '' : `: ${issue.path.map(String).join('.')} ${issue.message}`;
  throw new IntegrityError('MALFORMED', visibleText(`${what} did not answer as GitHub does${where}`, token), {
    hint: 'is this a GitHub server? Check the endpoint of the store and the rewrite rules',
  });
}

function endless(route: string): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${route} has more than ${MAX_PAGES} pages`, {
    hint: 'that is more than GitHub gives out: look at the server',
  });
}
