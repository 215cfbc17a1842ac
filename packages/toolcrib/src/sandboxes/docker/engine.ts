import type { Duplex } from 'node:stream';
import { RemoteError, UsageError } from '../../core/errors.ts';
import { resolveEndpoint, type EngineEndpoint, type EngineSettings } from './endpoint.ts';
import { resolvePodmanEndpoint } from './podman-endpoint.ts';
import {
  createEngineConnection,
  unreachable,
  type ConnectionOptions,
  type EngineAnswer,
  type EngineConnection,
  type EngineRequest,
  type ReachableEndpoint,
} from './engine-connection.ts';
import { textOf } from '../../core/json-fields.ts';
import { rawDownload } from './raw-download.ts';

/** An answer that is not a success: the engine's status and its own words. */
export interface EngineRefusal {
  readonly status: number;
  readonly message: string;
}

/** By which word a user names an engine: it decides where the engine is looked for, and which command hints name. */
export type EngineScheme = 'docker' | 'podman';

/** Whose Docker API it is, by what the engine says of itself: Podman differs from Docker in some of it. */
export type EngineDialect = 'docker' | 'podman';

/** Typed calls of an engine at the API version that both sides know. */
export interface Engine {
  readonly endpoint: ReachableEndpoint;
  readonly dialect: EngineDialect;
  /** A call with a small JSON answer; undefined when there is nothing to parse. */
  json(request: EngineRequest): Promise<{ readonly value: unknown } | EngineRefusal>;
  /** A large body; undefined when {@link Engine.open} has to be asked instead. The reader ends the iteration. */
  download(path: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** A call whose body the caller reads or destroys. Anything but 200 is a refusal. */
  open(request: EngineRequest): Promise<EngineAnswer | EngineRefusal>;
  upgrade(request: EngineRequest): Promise<Duplex | EngineRefusal>;
  close(): void;
}

export interface ConnectOptions extends EngineSettings {
  /** Default: `docker`. */
  readonly scheme?: EngineScheme;
  /** True: only an engine behind a unix socket is asked. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
  /** As in {@link ConnectionOptions}. */
  readonly patience?: number;
}

/** Container and image descriptions are some kilobytes; labels may make them large. In bytes. */
const JSON_LIMIT = 16 * 1024 * 1024;
const REFUSAL_LIMIT = 64 * 1024;
/** The newest API whose calls were read; nothing here changed from 1.24 on. */
const NEWEST = '1.47';

/**
 * Finds the engine and agrees on an API version with it (one `GET /_ping`); DOCKER_API_VERSION has the last word.
 * @throws as {@link resolveEndpoint} and {@link resolvePodmanEndpoint}; UsageError `USAGE` for another DOCKER_API_VERSION than
 * `MAJOR.MINOR`; RemoteError `UNREACHABLE` naming the address;
 * `OFFLINE` when offline and the engine is not behind a unix socket.
 */
export async function connectEngine(options: ConnectOptions): Promise<Engine> {
  const find = options.scheme === 'podman' ? resolvePodmanEndpoint : resolveEndpoint;
  const asked = apiVersionIn(options.env);
  const endpoint = await find(options);
  if (options.offline === true) verifyLocal(endpoint);
  const connection = await createConnection(endpoint, options);
  try {
    const { version, dialect } = await ping(connection);
    return createEngine(connection, { base: `/v${asked ?? version}`, dialect, options });
  } catch (error) {
    connection.close();
    throw error;
  }
}

const API_VERSION = /^\d+\.\d+$/;

/** It becomes a part of paths: with another one an engine says of everything that it is not there. */
function apiVersionIn(env: EngineSettings['env']): string | undefined {
  const asked = env['DOCKER_API_VERSION'];
  if (asked === undefined || asked === '') return undefined;
  if (API_VERSION.test(asked)) return asked;
  const found = JSON.stringify(asked.slice(0, 40));
  throw new UsageError('USAGE', `DOCKER_API_VERSION names no version of Docker's API: ${found}`, {
    hint: 'write it as 1.41, or unset it: toolcrib and the engine agree on one',
  });
}

async function createConnection(endpoint: EngineEndpoint, options: ConnectOptions): Promise<EngineConnection> {
  if (endpoint.kind !== 'ssh') return await createEngineConnection(endpoint, options);
  const { forwardSocket } = await import('./ssh-forward.ts');
  const forward = await forwardSocket(endpoint, options);
  const { address } = endpoint;
  const local = { kind: 'unix', address, socketPath: forward.socketPath } as const;
  const connection = await createEngineConnection(local, options);
  return {
    ...connection,
    close: () => {
      connection.close();
      forward.close();
    },
  };
}

function verifyLocal(endpoint: EngineEndpoint): void {
  if (endpoint.kind === 'unix') return;
  throw new RemoteError('OFFLINE', `offline: the engine at ${endpoint.address} was not asked`, {
    hint: 'offline, only an engine behind a unix socket can be used',
    details: { address: endpoint.address },
  });
}

async function ping(connection: EngineConnection): Promise<{ version: string; dialect: EngineDialect }> {
  const answer = await connection.send({ method: 'GET', path: '/_ping' });
  await connection.text(answer, REFUSAL_LIMIT);
  const theirs = answer.headers['api-version'];
  if (answer.status !== 200 || typeof theirs !== 'string' || !API_VERSION.test(theirs)) {
    throw unreachable(new Error(`no container engine answers there (status ${answer.status})`), connection.endpoint);
  }
  return {
    version: isOlder(theirs, NEWEST) ? theirs : NEWEST,
    dialect: answer.headers['libpod-api-version'] === undefined ? 'docker' : 'podman',
  };
}

function isOlder(a: string, b: string): boolean {
  const [aMajor = 0, aMinor = 0] = a.split('.').map(Number);
  const [bMajor = 0, bMinor = 0] = b.split('.').map(Number);
  return aMajor === bMajor ? aMinor < bMinor : aMajor < bMajor;
}

interface Terms {
  /** What paths of calls begin with, e.g. `/v1.41`. */
  readonly base: string;
  readonly dialect: EngineDialect;
  readonly options: ConnectionOptions;
}

function createEngine(connection: EngineConnection, { base, dialect, options }: Terms): Engine {
  const at = (request: EngineRequest) => ({ ...request, path: base + request.path });
  return {
    endpoint: connection.endpoint,
    dialect,
    json: async (request) => {
      const answer = await connection.send(at(request));
      if (!isSuccess(answer)) return await refusalOf(connection, answer);
      return { value: parseJson(await connection.text(answer, JSON_LIMIT), connection.endpoint) };
    },
    download: async (path) => {
      try {
        return await rawDownload(connection.endpoint, base + path, options);
      } catch (error) {
        throw options.signal?.aborted === true ? options.signal.reason : unreachable(error, connection.endpoint);
      }
    },
    open: async (request) => {
      const answer = await connection.send(at(request));
      return isSuccess(answer) ? answer : await refusalOf(connection, answer);
    },
    upgrade: async (request) => {
      const answer = await connection.upgrade(at(request));
      if (!('status' in answer)) return answer;
      if (!isSuccess(answer)) return await refusalOf(connection, answer);
      answer.body.destroy();
      return { status: answer.status, message: 'the engine did not open a raw stream' };
    },
    close: () => connection.close(),
  };
}

function isSuccess(answer: EngineAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function parseJson(text: string, endpoint: ReachableEndpoint): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new RemoteError('REMOTE_REFUSED', `the engine at ${endpoint.address} did not answer JSON`, {
      hint: 'see that a container engine listens there, and what stands between it and you',
      details: { address: endpoint.address },
      cause: error,
    });
  }
}

/** Engines answer `{"message": …}`; a HEAD has no body. */
async function refusalOf(connection: EngineConnection, answer: EngineAnswer): Promise<EngineRefusal> {
  const text = await connection.text(answer, REFUSAL_LIMIT);
  return { status: answer.status, message: (messageIn(text) ?? text).trim().slice(0, 500) };
}

function messageIn(text: string): string | undefined {
  try {
    return textOf(JSON.parse(text), 'message');
  } catch {
    return undefined;
  }
}
