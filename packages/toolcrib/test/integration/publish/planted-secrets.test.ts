import { createServer, type IncomingMessage } from 'node:http';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib } from '../../unit/cli/command-line.ts';
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

interface Echo extends AsyncDisposable {
  readonly port: number;
  /** How often a request showed a secret: else a test would prove nothing. */
  shown(): number;
}

/** A server that refuses everything and repeats all that it was told, in the words of each kind of store. */
async function startEcho(): Promise<Echo> {
  let shown = 0;
  const server = createServer((request, response) => {
    const told = toldBy(request);
    if (told.includes(SECRET) || told.includes(USER)) shown += 1;
    request.resume();
    const basic = request.url?.startsWith('/v2/') === true && request.headers.authorization === undefined;
    const type = told.includes('aws-sdk') ? 'application/xml' : 'application/json';
    response.writeHead(basic ? 401 : 403, { 'content-type': type, 'www-authenticate': 'Basic realm="echo"' });
    response.end(type === 'application/xml' ? xml(told) : json(told));
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
  // The end of it, so that nobody is safe only because a message is cut.
  const { authorization = '', ...rest } = headers;
  return `${authorization} ${method} ${url} ${Object.values(rest).join(' ')}`;
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
    const env = { ...ENVIRONMENT, GITHUB_SERVER_URL: `http://127.0.0.1:${echo.port}` };
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
    // The listing and the fetching of an HTTP store show no token to anybody.
    expectHere(echo.shown() > 0).toBe(kind !== 'HTTP');
  });

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
    `oci://user:${SECRET}@registry.example.org/tools`,
    `s3://bucket?endpoint=https://user:${SECRET}@s3.example.org`,
  ])('in the URL of a store is refused without being printed: %s', async (store) => {
    await using project = await projectFor(store, 1);
    const end = await toolcrib(['publish', '--json'], { cwd: project.folder });
    expect(end.code).toBe(2);
    expect(end.stdout + end.stderr).not.toContain(SECRET);
  });
});
