import { join } from 'node:path';
import { messageOf, UsageError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import { readSmallText } from '../disk/small-file.ts';
import type { Store } from '../stores/store.ts';
import type { RewriteRule } from '../transfer/rewrite.ts';
import type { ProxySettings, TransferOptions } from '../transfer/transfer-options.ts';
import type { Host } from './host.ts';

/** How a store is opened. */
export interface OpenOptions {
  /**
   * True: as a stranger sees it, for a reference that a stranger chose. No credentials of this machine are looked for or
   * sent, and what may only be hidden is RemoteError `REMOTE_REFUSED`, not missing. Default: false.
   */
  readonly anonymous?: boolean;
}

/** Opens the implementation that a store's reference names; who opens it closes it. */
export async function openStore(
  machine: Host,
  reference: StoreReference,
  rewrite: readonly RewriteRule[],
  { anonymous = false }: OpenOptions = {},
): Promise<Store> {
  const host = anonymous ? withoutCredentials(machine) : machine;
  switch (reference.kind) {
    case 'directory': {
      const { openDirectoryStore } = await import('../stores/directory/directory-store.ts');
      return openDirectoryStore(reference, { folder: host.cwd, clock: host.clock });
    }
    case 's3': {
      const { openS3Store } = await import('../stores/s3/s3-store.ts');
      return openS3Store(reference, { ...(await transferOptions(host, rewrite)), anonymous });
    }
    case 'http': {
      const { openHttpStore } = await import('../stores/http/http-store.ts');
      const token = httpTokenFor(reference, host);
      return openHttpStore(reference, {
        ...(await transferOptions(host, rewrite)),
        token,
        forbiddenIsMissing: !anonymous,
      });
    }
    case 'github': {
      const { openGithubStore } = await import('../stores/github/github-store.ts');
      const token = githubTokenFor(reference, host);
      return openGithubStore(reference, { ...(await transferOptions(host, rewrite)), token, anonymous });
    }
    case 'oci': {
      const { openOciStore } = await import('../stores/oci/oci-store.ts');
      const options = { credentials: registryCredentials(host), forbiddenIsMissing: !anonymous };
      return openOciStore(reference, { ...(await transferOptions(host, rewrite)), ...options });
    }
  }
}

/** What it takes to reach a server at all; everything else may be a secret, or lead to one. */
const REACHING = /^(?:https?_proxy|no_proxy|SSL_CERT_FILE)$/i;

function withoutCredentials(host: Host): Host {
  const env = Object.fromEntries(Object.entries(host.env).filter(([name]) => REACHING.test(name)));
  return { ...host, env };
}

/** Where the credentials of registries are on this machine. */
export function registryCredentials({ env }: Pick<Host, 'env'>): {
  readonly dockerConfig: string | undefined;
  readonly env: Host['env'];
} {
  return { dockerConfig: dockerConfigOf(env), env };
}

/** The folder in which `docker login` keeps credentials; undefined where nobody has a home. */
function dockerConfigOf(env: Host['env']): string | undefined {
  const home = env['HOME'];
  return env['DOCKER_CONFIG'] || (home ? join(home, '.docker') : undefined);
}

/** As with GitHub's: it goes to the servers that the environment names, and to none that only a configuration does. */
export function httpTokenFor(
  { base }: Extract<StoreReference, { kind: 'http' }>,
  { env }: Pick<Host, 'env'>,
): string | undefined {
  const named = (env['TOOLCRIB_HTTP_TOKEN_ORIGIN'] ?? '').split(/\s+/).map((text) => URL.parse(text)?.origin);
  return named.includes(new URL(base).origin) ? env['TOOLCRIB_HTTP_TOKEN'] || undefined : undefined;
}

/**
 * A configuration may come from a stranger, so that it cannot name the server that gets the token: it goes to GitHub.com, or
 * to the server that the environment names.
 */
function githubTokenFor(
  { endpoint, url }: Extract<StoreReference, { kind: 'github' }>,
  { env, reporter }: Host,
): string | undefined {
  const token = githubToken(env);
  if (token === undefined || endpoint === githubServerOf(env)) return token;
  const text = `the token for GitHub is not shown to the server of ${url}`;
  const hint = `if it is yours, set GITHUB_SERVER_URL=${endpoint ?? 'https://github.com'}`;
  reporter.notice({ kind: 'warning', text, hint });
  return undefined;
}

/** The Enterprise server that the environment names, as in its jobs; undefined for GitHub.com. */
export function githubServerOf(env: Host['env']): string | undefined {
  const server = env['GITHUB_SERVER_URL']?.replace(/\/+$/, '') ?? '';
  return server === '' || server === 'https://github.com' ? undefined : server;
}

/** The token for GitHub: one meant for toolcrib, else the one that GitHub's own jobs have. Empty counts as absent. */
export function githubToken(env: Host['env']): string | undefined {
  return env['TOOLCRIB_GITHUB_TOKEN'] || env['GITHUB_TOKEN'] || undefined;
}

/** Stores that are opened when asked for, and closed together. */
export interface OpenStores {
  open(reference: StoreReference, options?: OpenOptions): Promise<Store>;
  close(): Promise<void>;
}

export function collectStores(host: Host, rewrite: readonly RewriteRule[]): OpenStores {
  const opened: Store[] = [];
  return {
    async open(reference, options) {
      const store = await openStore(host, reference, rewrite, options);
      opened.push(store);
      return store;
    },
    async close() {
      await Promise.all(opened.map((store) => store.close()));
    },
  };
}

/**
 * What every connection of a host depends on.
 * @param rewrite rules for files that are fetched; none where something is sent.
 * @throws UsageError `USAGE`.
 */
export async function transferOptions(host: Host, rewrite: readonly RewriteRule[] = []): Promise<TransferOptions> {
  return {
    ...host.patience,
    offline: host.offline,
    rewrite,
    proxy: proxyOf(host.env),
    certificateAuthorities: await readAuthorities(host.env['SSL_CERT_FILE']),
    clock: host.clock,
    reporter: host.reporter,
    random: () => (host.random(1)[0] ?? 0) / 256,
  };
}

/** A bundle of all public authorities has some 200 kB. */
const MAX_AUTHORITIES_BYTES = 16 * 1024 * 1024;

/** Certificates of a company's own authority; Node itself reads `NODE_EXTRA_CA_CERTS`. */
async function readAuthorities(path: string | undefined): Promise<string | undefined> {
  if (path === undefined || path === '') return undefined;
  return await readSmallText(path, MAX_AUTHORITIES_BYTES).catch((error: unknown) => {
    throw new UsageError('USAGE', `SSL_CERT_FILE names no usable file: ${messageOf(error)}`, {
      hint: 'name a PEM file, or unset the variable',
      cause: error,
    });
  });
}

/** The usual variables, lower case first as curl does it; an empty one counts as absent. */
function proxyOf(env: Host['env']): ProxySettings {
  const read = (name: string): string | undefined => [env[name], env[name.toUpperCase()]].find((value) => !!value);
  const proxy = (name: string): string | undefined => verifyProxy(name, read(name));
  return { http: proxy('http_proxy'), https: proxy('https_proxy'), noProxy: read('no_proxy') };
}

/** Its value may hold a password: it is not repeated. */
function verifyProxy(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const url = URL.parse(value);
  const isProxy = url !== null && ['http:', 'https:'].includes(url.protocol);
  if (isProxy && !/%(?![0-9A-Fa-f]{2})/.test(`${url.username}${url.password}`)) return value;
  throw new UsageError('USAGE', `${name} (or ${name.toUpperCase()}) does not name a proxy`, {
    hint: 'write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with odd characters percent-encoded',
  });
}
