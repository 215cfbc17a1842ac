import { Agent as PlainAgent, request as plainRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Agent as TlsAgent, RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode, isSystemError, messageOf, RemoteError, type ToolcribError } from '../../core/errors.ts';
import type { EngineEndpoint, SshEndpoint } from './endpoint.ts';

/** An endpoint that connections can be opened to. */
export type ReachableEndpoint = Exclude<EngineEndpoint, SshEndpoint>;

/** One request to an engine. */
export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** With the query, without the API version. */
  readonly path: string;
  /** A JSON body. */
  readonly json?: unknown;
  /** A tar that is streamed; it is not opened before the engine asks for it. */
  readonly tar?: AsyncIterable<Uint8Array>;
}

/** An answer whose body has not been read. */
export interface EngineAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: IncomingMessage;
}

/**
 * HTTP to a Docker Engine over a unix socket or TCP, with TLS. Built on node:http: undici cannot send a body with an
 * upgrade, which starting an exec needs, and dockerode costs 100 ms of start-up.
 */
export interface EngineConnection {
  readonly endpoint: ReachableEndpoint;
  /** @throws RemoteError `UNREACHABLE`; the signal's reason; whatever the tar's iteration throws. */
  send(request: EngineRequest): Promise<EngineAnswer>;
  /** Sends a request that turns the connection into a raw stream (101), or answers like any other. */
  upgrade(request: EngineRequest): Promise<Duplex | EngineAnswer>;
  /**
   * Reads a body that must be small.
   * @param limit in bytes.
   * @throws RemoteError `REMOTE_REFUSED` when it is larger; as {@link EngineConnection.send}.
   */
  text(answer: EngineAnswer, limit: number): Promise<string>;
  close(): void;
}

/** When connections are given up. */
export interface ConnectionOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * How long an engine may take to answer, and to send or take the next piece of a body, in milliseconds. Default: two
   * minutes, since one that unpacks to a slow disk says nothing until it is done.
   */
  readonly patience?: number | undefined;
}

/** In milliseconds. */
export const PATIENCE = 120_000;

type Start = (options: RequestOptions) => ClientRequest;

/** Pauses in milliseconds before a refused connection is tried again. */
const RETRIES = [50, 200] as const;

/** Opens nothing yet: connections are made by the first request and kept for the next. */
export async function createEngineConnection(
  endpoint: ReachableEndpoint,
  { signal, patience = PATIENCE }: ConnectionOptions = {},
): Promise<EngineConnection> {
  const { start, agent } = await transportOf(endpoint, signal);
  const fail = (error: unknown): unknown => (signal?.aborted === true ? signal.reason : unreachable(error, endpoint));
  const attempt = async (request: EngineRequest, upgrade: boolean) => {
    const outgoing = start(optionsOf(request, upgrade));
    const deadline = setTimeout(() => outgoing.destroy(silence(patience)), patience);
    try {
      return await converse(outgoing, request, fail, () => deadline.refresh());
    } finally {
      clearTimeout(deadline);
    }
  };
  const insist = async (request: EngineRequest, upgrade: boolean) => {
    for (const pause of RETRIES) {
      try {
        return await attempt(request, upgrade);
      } catch (error) {
        if (!hasCode(error, 'UNREACHABLE') || !isSystemError(error.cause, 'ECONNREFUSED')) throw error;
      }
      await sleep(pause, undefined, signal === undefined ? {} : { signal });
    }
    return await attempt(request, upgrade);
  };
  return {
    endpoint,
    upgrade: (request) => insist(request, true),
    send: async (request) => {
      const answer = await insist(request, false);
      if ('status' in answer) return answer;
      answer.destroy();
      throw unreachable(new Error('it switched protocols unasked'), endpoint);
    },
    text: async ({ body }, limit) => {
      const deadline = setTimeout(() => body.destroy(silence(patience)), patience);
      try {
        return await readText(body, limit);
      } catch (error) {
        throw hasCode(error, 'REMOTE_REFUSED') ? error : fail(error);
      } finally {
        clearTimeout(deadline);
      }
    },
    close: () => agent.destroy(),
  };
}

/** What an engine is told to have done that says nothing. @param patience in milliseconds. */
export function silence(patience: number): Error {
  return new Error(`nothing came within ${patience / 1000} s`);
}

/** Said, so that Node does not find out whether the host is an address: the expression for that takes it 4 ms to compile. */
const NO_TLS = { servername: '' };

async function transportOf(
  endpoint: ReachableEndpoint,
  signal: AbortSignal | undefined,
): Promise<{ start: Start; agent: PlainAgent | TlsAgent }> {
  const common = signal === undefined ? {} : { signal };
  if (endpoint.kind === 'unix') {
    const agent = new PlainAgent({ keepAlive: true });
    return {
      agent,
      start: (o) =>
        plainRequest({ ...o, ...common, ...NO_TLS, agent, host: 'docker', socketPath: endpoint.socketPath }),
    };
  }
  const { host, port, tls } = endpoint;
  if (tls === undefined) {
    const agent = new PlainAgent({ keepAlive: true });
    return { agent, start: (o) => plainRequest({ ...o, ...common, ...NO_TLS, agent, host, port }) };
  }
  const { Agent, request } = await import('node:https');
  const { ca, cert, key, verify } = tls;
  const agent = new Agent({ keepAlive: true, ca, cert, key, rejectUnauthorized: verify });
  return { agent, start: (o) => request({ ...o, ...common, agent, host, port }) };
}

function optionsOf(request: EngineRequest, upgrade: boolean): RequestOptions {
  const headers: Record<string, string | number> = {};
  if (request.json !== undefined) headers['Content-Type'] = 'application/json';
  if (request.tar !== undefined) {
    headers['Content-Type'] = 'application/x-tar';
    // A refusal must come before the bytes: an engine that answers early closes its side, and the answer may be lost.
    headers['Expect'] = '100-continue';
  }
  if (upgrade) Object.assign(headers, { Connection: 'Upgrade', Upgrade: 'tcp' });
  return { method: request.method, path: request.path, headers };
}

async function converse(
  outgoing: ClientRequest,
  request: EngineRequest,
  failure: (error: unknown) => unknown,
  moved: () => void,
): Promise<EngineAnswer | Duplex> {
  const answered = Promise.withResolvers<EngineAnswer | Duplex>();
  outgoing.on('error', (error) => answered.reject(failure(error)));
  outgoing.on('response', (body) => answered.resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
  outgoing.on('upgrade', (_answer, socket, head) => {
    if (head.byteLength > 0) socket.unshift(head);
    answered.resolve(socket);
  });
  if (request.tar === undefined) {
    outgoing.end(request.json === undefined ? undefined : JSON.stringify(request.json));
  } else {
    const { tar } = request;
    outgoing.flushHeaders();
    outgoing.once('continue', () => {
      stream(outgoing, tar, answered.promise, moved).catch((error: unknown) => {
        answered.reject(error);
        outgoing.destroy();
      });
    });
  }
  return await answered.promise;
}

/** Writes a body with back-pressure until it ends, or until an answer says that no more of it is wanted. */
async function stream(
  outgoing: ClientRequest,
  bytes: AsyncIterable<Uint8Array>,
  answered: Promise<unknown>,
  moved: () => void,
): Promise<void> {
  const state = { over: false };
  const end = () => {
    state.over = true;
  };
  const done = answered.then(end, end);
  for await (const piece of bytes) {
    if (state.over) return;
    if (!outgoing.write(piece)) await Promise.race([drained(outgoing), done]);
    moved();
  }
  outgoing.end();
}

function drained(outgoing: ClientRequest): Promise<void> {
  return new Promise((resolve) => outgoing.once('drain', resolve));
}

const SETTINGS = 'DOCKER_HOST or a Docker context (docker:), or with CONTAINER_HOST (podman:)';

const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not use that socket: run as root, or join the group that owns it (often docker)',
  ENOENT: `there is no such socket: start the engine, or point to it with ${SETTINGS}`,
  ECONNREFUSED: `nothing listens there: start the engine, or point to it with ${SETTINGS}`,
};

/** What an engine that cannot be talked to becomes for the user: RemoteError `UNREACHABLE` naming its address. */
export function unreachable(error: unknown, endpoint: ReachableEndpoint): ToolcribError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  return new RemoteError('UNREACHABLE', `the engine at ${endpoint.address} does not answer: ${messageOf(error)}`, {
    hint: HINTS[code] ?? `see that the engine runs and that its address is right: ${SETTINGS}`,
    details: { address: endpoint.address },
    cause: error,
  });
}

async function readText(body: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > limit) throw tooLarge(limit);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function tooLarge(limit: number): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `the engine's answer is larger than ${limit} bytes`, {
    hint: 'no engine answers so much: look at what listens at that address',
    details: { maxBytes: limit },
  });
}
