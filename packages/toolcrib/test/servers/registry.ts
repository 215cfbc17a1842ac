import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { createSign, randomUUID, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Whom a registry lets in: anybody, or by a password file, or by tokens of a server of its own. */
export type RegistryAuth = 'open' | 'htpasswd' | 'token';

/** The one user of registries that want one. */
export const registryUser = { name: 'robot', password: 'correct horse' } as const;

/** What a token server was asked. */
export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  /** The user that was recognised, if any. */
  readonly user: string | undefined;
}

/** Debian's `docker-registry` on a free port of 127.0.0.1, ended at the end of its `await using` scope. */
export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly host: string;
  readonly tokenRequests: readonly TokenRequest[];
}

export interface RegistryOptions {
  readonly auth?: RegistryAuth;
  /** What users may do whom the token server recognised; others may pull from repositories below `public/`. */
  readonly rights?: readonly ('pull' | 'push')[];
}

/** Why tests of OCI registries cannot run here, or `undefined` when they can. */
export async function registryAvailable(): Promise<string | undefined> {
  for (const program of ['docker-registry', 'skopeo']) {
    try {
      await run(program, ['--version']);
    } catch {
      return `${program} is not installed (scripts/setup does it)`;
    }
  }
  return undefined;
}

/** It writes every file through to the disk, which is what its requests would spend their time on. */
const MEMORY = '/dev/shm';

/** Starts a registry with an empty storage of its own, and returns once it listens. */
export async function startRegistry({
  auth = 'open',
  rights = ['pull', 'push'],
}: RegistryOptions = {}): Promise<RegistryServer> {
  const folder = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'toolcrib-registry-'));
  const tokens = auth === 'token' ? await startTokenServer(folder, rights) : undefined;
  const config = join(folder, 'config.yml');
  await writeFile(config, configOf(folder, await authSection(auth, folder, tokens)));
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const host = await listeningAddress(child);
  return {
    host,
    tokenRequests: tokens?.requests ?? [],
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      await tokens?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function configOf(folder: string, auth: string): string {
  return `version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${join(folder, 'data')} } }
http: { addr: 127.0.0.1:0 }
${auth}`;
}

/** The user's password as bcrypt, the only form that the registry reads. */
const HTPASSWD = `${registryUser.name}:$2b$04$4TsNE4d/VAqk1ty.RMN8LeKRNuT.4phoybemGhq69o8qPtbLAFOTe\n`;

async function authSection(auth: RegistryAuth, folder: string, tokens: TokenServer | undefined): Promise<string> {
  if (auth === 'open') return '';
  if (auth === 'htpasswd') {
    const path = join(folder, 'htpasswd');
    await writeFile(path, HTPASSWD);
    return `auth: { htpasswd: { realm: registry, path: ${path} } }\n`;
  }
  if (tokens === undefined) throw new Error('no token server was started');
  const { realm, certificate } = tokens;
  return `auth: { token: { realm: "${realm}", service: registry, issuer: test, rootcertbundle: ${certificate} } }\n`;
}

/** From the line of its log that says so: the port is free because the system chose it. */
async function listeningAddress(child: ChildProcess): Promise<string> {
  return await new Promise((resolve, reject) => {
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-64 * 1024);
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once('error', reject);
    child.once('close', () => reject(new Error(`docker-registry ended: ${log}`)));
  });
}

interface TokenServer extends AsyncDisposable {
  readonly realm: string;
  /** Path of the certificate that the registry trusts. */
  readonly certificate: string;
  readonly requests: readonly TokenRequest[];
}

/** A token server as distribution's "Token Authentication Implementation" and its OAuth2 variant describe it. */
async function startTokenServer(folder: string, rights: readonly string[]): Promise<TokenServer> {
  const [keyPath, certificate] = [join(folder, 'token.key'), join(folder, 'token.crt')];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=test', '-days', '2'];
  await run('openssl', [...request, '-keyout', keyPath, '-out', certificate]);
  const sign = createSigner(await readFile(keyPath, 'utf8'), await readFile(certificate, 'utf8'));
  const requests: TokenRequest[] = [];
  const server = createServer((incoming, response) => {
    void readForm(incoming).then((form) => {
      const user = userOf(incoming, form);
      const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '));
      requests.push({ method: incoming.method ?? '', scopes, user });
      if (user === 'nobody') {
        response.writeHead(401).end();
        return;
      }
      const access = scopes.map((scope) => grantOf(scope, user === undefined ? undefined : rights));
      const token = sign({ aud: form.get('service') ?? '', sub: user ?? '', access });
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ token, access_token: token }));
    });
  });
  const url = await listen(server);
  return {
    realm: `${url}/token`,
    certificate,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return `http://127.0.0.1:${address.port}`;
}

async function readForm(incoming: IncomingMessage): Promise<URLSearchParams> {
  let body = '';
  for await (const piece of incoming.setEncoding('utf8')) body += String(piece);
  return incoming.method === 'POST'
    ? new URLSearchParams(body)
    : new URL(incoming.url ?? '/', 'http://server').searchParams;
}

/** Undefined for nobody in particular; `nobody` for wrong credentials. */
function userOf(incoming: IncomingMessage, form: URLSearchParams): string | undefined {
  if (incoming.method === 'POST') return form.get('refresh_token') === identityToken ? registryUser.name : 'nobody';
  const { authorization } = incoming.headers;
  if (authorization === undefined) return undefined;
  const expected = Buffer.from(`${registryUser.name}:${registryUser.password}`).toString('base64');
  return authorization === `Basic ${expected}` ? registryUser.name : 'nobody';
}

/** What `docker login` keeps instead of a password where a token server hands it out. */
export const identityToken = 'identity-token-of-robot';

function grantOf(scope: string, rights: readonly string[] | undefined): object {
  const [type = '', name = '', actions = ''] = scope.split(':');
  const anonymous = name.startsWith('public/') ? ['pull'] : [];
  return { type, name, actions: actions.split(',').filter((action) => (rights ?? anonymous).includes(action)) };
}

/** JWTs by RS256, with the certificate that vouches for the key. */
function createSigner(key: string, certificate: string): (claims: object) => string {
  const x5c = [new X509Certificate(certificate).raw.toString('base64')];
  const encode = (json: object): string => Buffer.from(JSON.stringify(json)).toString('base64url');
  return (claims) => {
    const now = Math.floor(Date.now() / 1000);
    const times = { iat: now, nbf: now - 10, exp: now + 300, jti: randomUUID() };
    const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c })}.${encode({ iss: 'test', ...times, ...claims })}`;
    return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`;
  };
}
