/*
 * A stand-in for GitHub that is strict: every request to its API and every answer of it is compared with GitHub's own
 * OpenAPI description (npm `@octokit/openapi`), and what is not as described fails the test that started it, at the end
 * of its `await using` scope.
 *
 * It is laid out as an Enterprise server: API, uploads and web pages on one origin, below `endpoint`. Bytes of assets
 * come from a second origin, which refuses whoever shows it a token.
 *
 * To add routes: write a file here that exports `fooRoutes(…): readonly Route[]`, one object an operation of the
 * description (`operation: 'GET /repos/{owner}/{repo}/actions/runs/{run_id}'`), whose `handle` gets a request that is as
 * described and returns an answer (`answers.ts` has the usual ones); keep what the routes know in a state of their own,
 * by repository. Pass them to `startGithub({ routes: fooRoutes(…) })`. Repository, rights, parameters, limits, paging and
 * the comparison with the description are done before and after `handle`. Bytes for the objects origin go into
 * `state.objects` by path; answer 302 with a `location` below `hosts.objects`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { notFound, refused, type Answer } from './answers.ts';
import type { JsonObject } from './json-schema.ts';
import { isObject } from './json-schema.ts';
import { releaseRoutes } from './releases.ts';
import {
  answerFaults,
  bodyFaults,
  describeRoutes,
  headerFaults,
  readParameters,
  type DescribedRoute,
  type GithubHosts,
  type Route,
} from './routes.ts';
import { createState, type GithubState, type Repository, type RepositorySettings, type TokenRights } from './state.ts';
import { webAnswer } from './web.ts';

export type GithubHost = 'api' | 'uploads' | 'web' | 'objects';

/** A request that came, in order. */
export interface SeenGithubRequest {
  readonly host: GithubHost;
  readonly method: string;
  /** Without the part that belongs to the host, with its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** From 1 on, over all hosts. */
  readonly number: number;
}

/** What goes wrong with one request. */
export type GithubFault =
  /** The connection ends, and nothing was done. */
  | { readonly kind: 'drop' }
  /** Everything was done; the connection ends instead of the answer. */
  | { readonly kind: 'drop-answer' }
  /** This is answered, and nothing was done. */
  | { readonly kind: 'answer'; readonly answer: Answer }
  /** Bytes come out changed. */
  | { readonly kind: 'wrong-bytes' };

export interface GithubSettings {
  readonly repositories: readonly RepositorySettings[];
  /** Tokens and what they may do. */
  readonly tokens?: Readonly<Record<string, TokenRights>>;
  /** Besides those of releases. */
  readonly routes?: readonly Route[];
}

export interface GithubServer extends AsyncDisposable {
  /** For `?endpoint=`, without a slash at the end. */
  readonly endpoint: string;
  readonly state: GithubState;
  readonly requests: readonly SeenGithubRequest[];
  /** Is asked about every request before anything is done; a test sets it. */
  fault: (request: SeenGithubRequest) => GithubFault | undefined;
  /** What was not as GitHub describes it. Not empty: the end of the scope throws. */
  readonly violations: string[];
  /** @throws Error for a repository that it was not given. */
  repository(name: string): Repository;
  /** Connections that are open now. */
  openConnections(): number;
}

const MAX_BODY_BYTES = 1024 * 1024;

/** Starts it on free ports of 127.0.0.1. */
export async function startGithub(settings: GithubSettings): Promise<GithubServer> {
  const state = createState(settings.repositories, settings.tokens ?? {});
  const routes = describeRoutes([...releaseRoutes, ...(settings.routes ?? [])]);
  const requests: SeenGithubRequest[] = [];
  const violations: string[] = [];
  const sockets = new Set<Socket>();
  let hosts: GithubHosts = { api: '', uploads: '', web: '', objects: '' };

  const listen = async (hostOf: (path: string) => [GithubHost, string]): Promise<{ server: Server; url: string }> => {
    const server = createServer((request, response) => {
      const [host, path] = hostOf(request.url ?? '/');
      const { method = '', headers } = request;
      const seen = { host, method, path, headers, number: requests.length + 1 };
      requests.push(seen);
      serve(seen, request, response).catch((error: unknown) => {
        violations.push(`${method} ${path}: the stand-in itself failed: ${String(error)}`);
        response.destroy();
      });
    });
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
    return { server, url: `http://127.0.0.1:${address.port}` };
  };

  const serve = async (seen: SeenGithubRequest, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const fault = github.fault(seen);
    if (fault?.kind === 'drop') {
      request.socket.resetAndDestroy();
      return;
    }
    const report = (what: string): void => {
      violations.push(`${seen.method} ${seen.host} ${seen.path}: ${what}`);
    };
    const answer = fault?.kind === 'answer' ? fault.answer : await answerTo(seen, request, report);
    if (fault?.kind === 'drop-answer') request.socket.resetAndDestroy();
    else if (!response.destroyed) send(response, fault?.kind === 'wrong-bytes' ? damaged(answer) : answer, state, seen);
  };

  const answerTo = async (
    seen: SeenGithubRequest,
    request: IncomingMessage,
    report: (what: string) => void,
  ): Promise<Answer> => {
    const url = new URL(`${hosts[seen.host]}${seen.path}`);
    if (seen.host === 'api' || seen.host === 'uploads') return await apiAnswer(seen, request, url, report);
    if (request.headers.authorization !== undefined) {
      report('was shown a token');
      return refused(400, 'Only one auth mechanism allowed');
    }
    return seen.host === 'web' ? webAnswer(state, hosts, seen) : objectAnswer(url);
  };

  const objectAnswer = (url: URL): Answer => {
    const bytes = state.objects.get(url.pathname);
    if (bytes === undefined || !url.searchParams.has('sig')) return { status: 403 };
    return { status: 200, bytes };
  };

  const apiAnswer = async (
    seen: SeenGithubRequest,
    request: IncomingMessage,
    url: URL,
    report: (what: string) => void,
  ): Promise<Answer> => {
    const path = seen.path.split('?')[0] ?? '';
    const route = routes.find(({ method, pattern }) => method === seen.method && pattern.test(path));
    if (route === undefined || route.described.ownHost !== (seen.host === 'uploads')) {
      report('there is no such operation, or no stand-in for it');
      return notFound();
    }
    state.made += 1;
    const rights = rightsOf(request, state);
    const refusal = refusalOf(rights, route, state, path);
    if ('status' in refusal) return checked(refusal, route, report);
    const { parameters, faults } = readParameters(route, url, path);
    const isBytes = seen.host === 'uploads';
    const body = isBytes ? undefined : await jsonBody(request);
    const wrong = [
      ...faults,
      ...headerFaults(request, route),
      ...(isBytes || body === undefined ? [] : bodyFaults(body, route)),
    ];
    if (wrong.length > 0) {
      report(wrong.join('; '));
      return refused(400, 'not as GitHub describes it');
    }
    const { repository } = refusal;
    const mayWrite = rights === 'write';
    const call = { state, repository, parameters, body: objectOf(body), request, url, mayWrite, hosts };
    return checked(await route.handle(call), route, report);
  };

  const origin = await listen((path) => {
    if (path.startsWith('/api/v3/')) return ['api', path.slice('/api/v3'.length)];
    if (path.startsWith('/api/uploads/')) return ['uploads', path.slice('/api/uploads'.length)];
    return ['web', path];
  });
  const objects = await listen((path) => ['objects', path]);
  hosts = {
    api: `${origin.url}/api/v3`,
    uploads: `${origin.url}/api/uploads`,
    web: origin.url,
    objects: objects.url,
  };

  const github: GithubServer = {
    endpoint: origin.url,
    state,
    requests,
    fault: () => undefined,
    violations,
    repository(name) {
      const repository = state.repositories.get(name.toLowerCase());
      if (repository === undefined) throw new Error(`the stand-in has no repository ${name}`);
      return repository;
    },
    openConnections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      await Promise.all([origin.server, objects.server].map(stop));
      if (violations.length > 0) throw new Error(`not as GitHub describes it:\n${violations.join('\n')}`);
    },
  };
  return github;
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

function checked(answer: Answer, route: DescribedRoute, report: (what: string) => void): Answer {
  for (const fault of answerFaults(answer, route)) report(fault);
  return answer;
}

type Rights = TokenRights | 'anonymous' | 'unknown';

function rightsOf({ headers }: IncomingMessage, state: GithubState): Rights {
  if (headers.authorization === undefined) return 'anonymous';
  const token = /^(?:bearer|token) (.+)$/i.exec(headers.authorization)?.[1];
  return state.tokens.get(token ?? '') ?? 'unknown';
}

/** Why a request is not even looked at, or the repository that it is about. */
function refusalOf(
  rights: Rights,
  route: DescribedRoute,
  state: GithubState,
  path: string,
): Answer | { readonly repository: Repository } {
  if (rights === 'unknown') return refused(401, 'Bad credentials');
  if (state.remaining === 0) return refused(403, 'API rate limit exceeded for 127.0.0.1.');
  if (state.remaining !== undefined) state.remaining -= 1;
  const name = /^\/repos\/([^/]+\/[^/]+)/.exec(path)?.[1] ?? '';
  const repository = state.repositories.get(name.toLowerCase());
  if (repository === undefined || (repository.private && rights === 'anonymous')) return notFound();
  if (route.access === 'read' || rights === 'write') return { repository };
  if (rights === 'anonymous') return refused(401, 'Requires authentication');
  return refused(403, 'Resource not accessible by personal access token', {
    'x-accepted-github-permissions': 'contents=write',
  });
}

async function jsonBody(request: IncomingMessage): Promise<unknown> {
  const body: AsyncIterable<Uint8Array> = request;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > MAX_BODY_BYTES) throw new Error('a JSON body is larger than any has to be');
    pieces.push(piece);
  }
  return size === 0 ? undefined : JSON.parse(Buffer.concat(pieces).toString('utf8'));
}

function objectOf(body: unknown): JsonObject {
  return isObject(body) ? body : {};
}

function damaged(answer: Answer): Answer {
  if (answer.bytes === undefined) return answer;
  return { ...answer, bytes: Buffer.from(answer.bytes.map((byte) => byte ^ 0xff)) };
}

function send(response: ServerResponse, answer: Answer, state: GithubState, { host }: SeenGithubRequest): void {
  const body = answer.json === undefined ? answer.bytes : Buffer.from(JSON.stringify(answer.json));
  const type = answer.json === undefined ? 'application/octet-stream' : 'application/json; charset=utf-8';
  response.writeHead(answer.status, {
    ...(body !== undefined && { 'content-type': type, 'content-length': body.byteLength }),
    ...((host === 'api' || host === 'uploads') && limitHeaders(state)),
    ...answer.headers,
  });
  response.end(body);
}

function limitHeaders({ remaining, reset }: GithubState): Record<string, string> {
  return {
    'x-ratelimit-limit': '5000',
    'x-ratelimit-remaining': `${remaining ?? 4999}`,
    'x-ratelimit-reset': `${reset}`,
    'x-ratelimit-resource': 'core',
    'x-github-request-id': 'C0DE:0:0:0:0',
  };
}
