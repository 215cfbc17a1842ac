import { createServer, type IncomingMessage } from 'node:http';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatStoreListing } from '../../../src/core/store-listing.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const SECRET = 'pLaNtEd0123456789SeCrEtAbCdEfGhIjKlMnOpQrStUvWxYz';
const USER = Buffer.from(`user:${SECRET}`).toString('base64');

/** A place for a secret in whatever a command reads. */
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'AKIAPLANTED',
  AWS_SECRET_ACCESS_KEY: SECRET,
  AWS_SESSION_TOKEN: SECRET,
  TOOLCRIB_HTTP_TOKEN: SECRET,
  TOOLCRIB_GITHUB_TOKEN: `ghp_${SECRET}`,
  GITHUB_TOKEN: `ghp_${SECRET}`,
};

/** How a server may write what it repeats, and in what forms the secret is then in it. */
const WRITINGS: Readonly<
  Record<string, { readonly write: (text: string) => string; readonly forms: readonly string[] }>
> = {
  'as it is': { write: (text) => text, forms: [SECRET, USER, SECRET.slice(0, 24)] },
  'percent-encoded': { write: percentEncoded, forms: [percentEncoded(SECRET), percentEncoded(USER)] },
  'escaped as in JSON': { write: escaped, forms: [escaped(SECRET), escaped(USER)] },
  'as base64': {
    write: (text) => Buffer.from(text).toString('base64'),
    forms: [...withinBase64(SECRET), ...withinBase64(USER)],
  },
};

function percentEncoded(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '%$&');
}

function escaped(text: string): string {
  return Buffer.from(text).toString('hex').replaceAll(/../g, '\\u00$&');
}

/** What base64 of something shows of a text in it, which depends on what stands before. */
function withinBase64(text: string): readonly string[] {
  return ['', '-', '--'].map((before) =>
    Buffer.from(before + text)
      .toString('base64')
      .slice(4, -4),
  );
}

/** As one who publishes to that server has it. */
function environmentFor({ port }: Pick<Echo, 'port'>): Readonly<Record<string, string>> {
  const url = `http://127.0.0.1:${port}`;
  return { ...ENVIRONMENT, GITHUB_SERVER_URL: url, TOOLCRIB_HTTP_TOKEN_ORIGIN: url };
}

interface Echo extends AsyncDisposable {
  readonly port: number;
  /** How often a request showed a secret: else a test would prove nothing. */
  shown(): number;
}

/**
 * A server that refuses everything and repeats all that it was told, in the words of each kind of store. Only what an HTTP
 * store holds, which is nothing, it tells: such a store is shown a token with a file and not before.
 */
async function startEcho(write: (text: string) => string = (text) => text): Promise<Echo> {
  let shown = 0;
  const server = createServer((request, response) => {
    const told = toldBy(request);
    if (told.includes(SECRET) || told.includes(USER)) shown += 1;
    request.resume();
    if (request.method === 'GET' && request.url === '/base/') {
      response.writeHead(200, { 'content-type': 'application/json' }).end(formatStoreListing([]));
      return;
    }
    if (request.method !== 'PUT' && request.url?.startsWith('/base/') === true) {
      response.writeHead(404).end();
      return;
    }
    const basic = request.url?.startsWith('/v2/') === true && request.headers.authorization === undefined;
    const type = told.includes('aws-sdk') ? 'application/xml' : 'application/json';
    response.writeHead(basic ? 401 : 403, { 'content-type': type, 'www-authenticate': 'Basic realm="echo"' });
    response.end(type === 'application/xml' ? xml(write(told)) : json(write(told)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    port: address.port,
    shown: () => shown,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

function toldBy({ method = '', url = '', headers }: IncomingMessage): string {
  const values = Object.values(headers).map(String);
  const holdsSecret = (value: string): boolean => value.includes(SECRET) || value.includes(USER);
  // The secret at the beginning and at the end, so that nobody is safe only because a message is cut.
  return [...values.filter(holdsSecret), method, url, ...values].join(' ');
}

const xml = (told: string): string =>
  `<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>${told.replaceAll(/[<>&]/g, '_')}</Message></Error>`;

const json = (told: string): string =>
  JSON.stringify({ message: told, errors: [{ code: 'DENIED', message: told, field: told }] });

const STORES: readonly (readonly [kind: string, store: (port: number) => string])[] = [
  ['S3', (port) => `s3://bucket?region=us-east-1&endpoint=http://127.0.0.1:${port}&pathStyle=true`],
  ['HTTP', (port) => `http://127.0.0.1:${port}/base`],
  ['OCI', (port) => `oci://127.0.0.1:${port}/tools`],
  ['GitHub', (port) => `github:owner/repository?endpoint=http://127.0.0.1:${port}`],
];

async function projectFor(store: string, port: number): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: [store] },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${'0'.repeat(64)}  demo-amd64-any-v1\n`,
    '.docker/config.json': { auths: { [`127.0.0.1:${port}`]: { auth: USER } } },
  });
  await project.write('binaries/demo-amd64-any-v1', elfFile({}));
  return project;
}

const COMMANDS = [
  ['publish', '--notify', `http://127.0.0.1:1/${SECRET}`, '--receipt', 'receipt.json'],
  ['publish', '--json'],
  ['status'],
  ['status', '--json'],
  ['resolve', '--target', 'amd64-any', '--explain'],
  ['--quiet', 'resolve', '--target', 'amd64-any', '--json'],
];

describe.concurrent('a secret in the environment, which a server repeats', () => {
  test.for(STORES)('is never printed: %s', async ([kind, store], { expect: expectHere }) => {
    await using echo = await startEcho();
    await using project = await projectFor(store(echo.port), echo.port);
    const env = environmentFor(echo);
    for (const command of COMMANDS) {
      const end = await toolcrib(command, { cwd: project.folder, env });
      const said = end.stdout + end.stderr;
      expectHere(said, command.join(' ')).not.toContain(SECRET);
      expectHere(said, command.join(' ')).not.toContain(USER);
      expectHere(said, command.join(' ')).not.toContain(SECRET.slice(0, 24));
      expectHere(end.code, said).not.toBe(1);
      // The server's own words, without what it should not say.
      if (kind === 'S3' && command[0] === 'publish') expectHere(said).toMatch(/403 AccessDenied: .*\*\*\*/);
    }
    expectHere(echo.shown()).toBeGreaterThan(0);
  });

  test.for(STORES.flatMap(([kind, store]) => Object.keys(WRITINGS).map((way) => [kind, way, store] as const)))(
    'is never printed: %s, %s',
    async ([, way, store], { expect: expectHere }) => {
      const { write, forms } = WRITINGS[way] ?? { write: String, forms: [] };
      await using echo = await startEcho(write);
      await using project = await projectFor(store(echo.port), echo.port);
      const env = environmentFor(echo);
      const end = await toolcrib(['publish'], { cwd: project.folder, env });
      for (const form of forms) expectHere(end.stdout + end.stderr).not.toContain(form);
      // The server's own words, without what it should not say.
      expectHere(end.stderr).toMatch(/answered 403.*\*\*\*/);
      expectHere(echo.shown()).toBeGreaterThan(0);
    },
  );

  test.for(['', 'https://tools.example.org', 'not a url'])(
    'for HTTP stores is not shown to a server that only the configuration names: %j',
    async (origin, { expect: expectHere }) => {
      await using echo = await startEcho();
      await using project = await projectFor(`http://127.0.0.1:${echo.port}/base`, echo.port);
      const env = { ...ENVIRONMENT, TOOLCRIB_HTTP_TOKEN_ORIGIN: origin };
      const end = await toolcrib(['publish'], { cwd: project.folder, env });
      expectHere(end).toMatchObject({ code: 7 });
      expectHere(end.stderr).toContain(`TOOLCRIB_HTTP_TOKEN_ORIGIN=http://127.0.0.1:${echo.port}`);
      expectHere(echo.shown()).toBe(0);
    },
  );

  test('for GitHub is not shown to a server that only the configuration names', async () => {
    await using echo = await startEcho();
    await using project = await projectFor(`github:o/r?endpoint=http://127.0.0.1:${echo.port}`, echo.port);
    for (const command of [['publish'], ['status'], ['resolve', '--target', 'amd64-any']]) {
      // What is bundled is looked at before any store is.
      if (command[0] === 'resolve') await rm(join(project.folder, 'binaries'), { recursive: true });
      const end = await toolcrib(command, { cwd: project.folder, env: ENVIRONMENT });
      expect(end.stderr + end.stdout).not.toContain(SECRET);
      expect(end.stderr).toContain(`set GITHUB_SERVER_URL=http://127.0.0.1:${echo.port}`);
    }
    expect(echo.shown()).toBe(0);
  });

  test('in the URL of a proxy is never printed', async () => {
    await using project = await projectFor('https://store.example.org/base', 1);
    const proxy = `http://user:${SECRET}@127.0.0.1:1`;
    for (const command of COMMANDS) {
      const end = await toolcrib(command, { cwd: project.folder, env: { HTTPS_PROXY: proxy, https_proxy: proxy } });
      expect(end.stdout + end.stderr, command.join(' ')).not.toContain(SECRET);
      expect(end.stdout + end.stderr, command.join(' ')).not.toContain(USER);
    }
  });

  test.each([
    `https://user:${SECRET}@store.example.org/base`,
    `https://store.example.org/base?token=${SECRET}`,
    `oci://user:${SECRET}@images.example.org/tools`,
    `s3://bucket?endpoint=https://user:${SECRET}@s3.example.org`,
  ])('in the URL of a store is refused without being printed: %s', async (store) => {
    await using project = await projectFor(store, 1);
    const end = await toolcrib(['publish', '--json'], { cwd: project.folder });
    expect(end.code).toBe(2);
    expect(end.stdout + end.stderr).not.toContain(SECRET);
  });
});
