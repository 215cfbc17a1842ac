import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { hasCode, isSystemError, messageOf, NotFoundError, UsageError } from '../../core/errors.ts';
import { fieldOf, textOf } from '../../core/json-fields.ts';
import { readSmallText } from '../../disk/small-file.ts';

/** Certificates in PEM; what is absent is not sent. */
export interface TlsMaterial {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** False only when a Docker context says so (`SkipTLSVerify`). */
  readonly verify: boolean;
}

/** A socket on another machine, which the `ssh` command leads to. */
export interface SshEndpoint {
  readonly kind: 'ssh';
  readonly address: string;
  readonly user: string | undefined;
  /** A name, an address, or a host of the user's ssh configuration. */
  readonly host: string;
  readonly port: number | undefined;
  /** Of the engine's socket there. */
  readonly socketPath: string;
}

/** Where an engine listens. `address` is for people and for the ledger; it carries no secret. */
export type EngineEndpoint =
  | SshEndpoint
  | { readonly kind: 'unix'; readonly address: string; readonly socketPath: string }
  | {
      readonly kind: 'tcp';
      readonly address: string;
      readonly host: string;
      readonly port: number;
      readonly tls: TlsMaterial | undefined;
    };

/** How a user points at an engine. */
export interface EngineSettings {
  /** As in `docker --host`; before everything else. */
  readonly host?: string;
  /** As in `docker --context`. */
  readonly context?: string;
  /**
   * DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH, DOCKER_API_VERSION and HOME, as
   * the process got them.
   */
  readonly env: Readonly<Record<string, string | undefined>>;
}

const DEFAULT_HOST = 'unix:///var/run/docker.sock';

/**
 * Finds the engine in the order of the `docker` command: host, context, DOCKER_HOST, DOCKER_CONTEXT, the current
 * context of `config.json`, the default socket. Source: docker/cli `cli/command/cli.go`, `resolveContextName`.
 * @throws UsageError `REFERENCE_INVALID`, `CONFIG_INVALID`; NotFoundError `NOT_FOUND` for a context that is not there.
 */
export async function resolveEndpoint(settings: EngineSettings): Promise<EngineEndpoint> {
  const { env } = settings;
  if (settings.host !== undefined) return endpointOf(settings.host, await tlsOf(env));
  if (settings.context !== undefined) return await contextEndpoint(settings.context, env);
  if (isSet(env['DOCKER_HOST'])) return endpointOf(env['DOCKER_HOST'], await tlsOf(env));
  const context = isSet(env['DOCKER_CONTEXT']) ? env['DOCKER_CONTEXT'] : await currentContext(env);
  return await contextEndpoint(context ?? 'default', env);
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

function configFolder(env: EngineSettings['env']): string | undefined {
  if (isSet(env['DOCKER_CONFIG'])) return env['DOCKER_CONFIG'];
  return isSet(env['HOME']) ? join(env['HOME'], '.docker') : undefined;
}

async function currentContext(env: EngineSettings['env']): Promise<string | undefined> {
  const folder = configFolder(env);
  if (folder === undefined) return undefined;
  const config = await readJson(join(folder, 'config.json'));
  return textOf(config, 'currentContext') || undefined;
}

async function contextEndpoint(name: string, env: EngineSettings['env']): Promise<EngineEndpoint> {
  if (name === 'default') return endpointOf(DEFAULT_HOST, undefined);
  const folder = configFolder(env);
  const id = createHash('sha256').update(name).digest('hex');
  const meta = folder === undefined ? undefined : await readJson(join(folder, 'contexts', 'meta', id, 'meta.json'));
  const host = textOf(meta, 'Endpoints', 'docker', 'Host');
  if (folder === undefined || host === undefined) {
    throw new NotFoundError('NOT_FOUND', `there is no Docker context ${JSON.stringify(name)} with an endpoint`, {
      hint: 'list the contexts with `docker context ls`, or set DOCKER_HOST',
    });
  }
  const skip = fieldOf(meta, 'Endpoints', 'docker', 'SkipTLSVerify') === true;
  return endpointOf(host, await readTls(join(folder, 'contexts', 'tls', id, 'docker'), !skip));
}

async function tlsOf(env: EngineSettings['env']): Promise<TlsMaterial | undefined> {
  if (!isSet(env['DOCKER_TLS_VERIFY'])) return undefined;
  const folder = isSet(env['DOCKER_CERT_PATH']) ? env['DOCKER_CERT_PATH'] : configFolder(env);
  const tls = folder === undefined ? undefined : await readTls(folder, true);
  return tls ?? { ca: undefined, cert: undefined, key: undefined, verify: true };
}

async function readTls(folder: string, verify: boolean): Promise<TlsMaterial | undefined> {
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map((n) => readText(join(folder, n))));
  return ca === undefined && cert === undefined && key === undefined && verify ? undefined : { ca, cert, key, verify };
}

/** No file of Docker's settings is larger, in bytes. */
const MAX_BYTES = 1024 * 1024;

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readSmallText(path, MAX_BYTES);
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND') || (error instanceof Error && isSystemError(error.cause, 'ENOTDIR'))) {
      return undefined;
    }
    throw new UsageError('CONFIG_INVALID', `no usable settings of Docker: ${messageOf(error)}`, {
      hint: 'make it a file that this user may read, or name another folder in DOCKER_CONFIG (certificates: DOCKER_CERT_PATH)',
      details: { path },
      cause: error,
    });
  }
}

/** What is no JSON is not quoted: it may hold secrets. */
async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError('CONFIG_INVALID', `${path} is not JSON`, {
      hint: 'repair it, or name another folder in DOCKER_CONFIG',
      details: { path },
    });
  }
}

/**
 * Reads a host as DOCKER_HOST has it. TLS is used for `https:`, and for `tcp:` when there is material for it.
 * @param socketPath where the engine's socket is on another machine, unless the host says so.
 * @throws UsageError `REFERENCE_INVALID`.
 */
export function endpointOf(
  host: string,
  tls: TlsMaterial | undefined,
  socketPath = '/var/run/docker.sock',
): EngineEndpoint {
  if (/^unix:\/\/.+/.test(host)) {
    return { kind: 'unix', address: host, socketPath: bindablePath(host.slice('unix://'.length)) };
  }
  return host.startsWith('ssh://') ? sshEndpoint(host, socketPath) : tcpEndpoint(host, tls);
}

/** Of a unix socket, in bytes. Source: unix(7), `sun_path` without the NUL that ends it. */
const MAX_SOCKET_PATH = 107;

function bindablePath(path: string): string {
  const size = Buffer.byteLength(path);
  if (size <= MAX_SOCKET_PATH) return path;
  throw new UsageError(
    'REFERENCE_INVALID',
    `the path of a unix socket has at most ${MAX_SOCKET_PATH} bytes, this ${size}: ${path}`,
    {
      hint: 'make a short symbolic link to its folder, and name the socket through that',
      details: { path, size },
    },
  );
}

/** A host never begins as an option of `ssh` does, and a socket has no colon, which would end it in `ssh -L`. */
const SSH =
  /^ssh:\/\/(?:(?<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@)?(?<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::(?<port>\d{1,5}))?(?<path>\/[^:?#\s]*)?$/;

function sshEndpoint(text: string, socketPath: string): SshEndpoint {
  const { user, name, port, path = '/' } = SSH.exec(text)?.groups ?? {};
  if (name === undefined || Number(port ?? 1) > 65_535) throw notAHost(text);
  return {
    kind: 'ssh',
    address: text,
    user,
    host: name.replace(/^\[|\]$/g, ''),
    port: port === undefined ? undefined : Number(port),
    socketPath: path === '/' ? socketPath : path,
  };
}

function tcpEndpoint(host: string, tls: TlsMaterial | undefined): EngineEndpoint {
  const match = /^(?<scheme>tcp|http|https):\/\/(?<name>\[[0-9a-fA-F:.]+\]|[^/:@?#\s]+)(?::(?<port>\d{1,5}))?\/?$/.exec(
    host,
  );
  const { scheme, name, port } = match?.groups ?? {};
  if (scheme === undefined || name === undefined || Number(port ?? 1) > 65_535) throw notAHost(host);
  const secure = scheme === 'https' || (scheme === 'tcp' && tls !== undefined);
  return {
    kind: 'tcp',
    address: host,
    host: name.replace(/^\[|\]$/g, ''),
    port: Number(port ?? (secure ? 2376 : 2375)),
    tls: secure ? (tls ?? { ca: undefined, cert: undefined, key: undefined, verify: true }) : undefined,
  };
}

function notAHost(host: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `not a Docker host: ${withoutSecrets(host)}`, {
    hint: 'write unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST, as in DOCKER_HOST, without a password',
  });
}

/**
 * What cannot be read has no parts that are known: beside an at sign anything may be a password, and a query and a
 * fragment may hold others.
 */
function withoutSecrets(host: string): string {
  if (!/[@?#]/.test(host)) return JSON.stringify(host);
  const scheme = /^(?:unix|tcp|https?|ssh):\/\//.exec(host)?.[0] ?? '';
  return `${JSON.stringify(`${scheme}***`)}, which may hold a password`;
}
