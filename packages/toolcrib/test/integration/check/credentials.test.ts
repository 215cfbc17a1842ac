import { chmod, readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, test } from 'vitest';
import { startGithub } from '../../servers/github/github-server.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Client, s3Server } from '../../servers/s3.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  SOURCE,
  SUMS_FILE,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

interface EchoServer extends AsyncDisposable {
  readonly url: string;
  readonly host: string;
  /** Everything that it was sent, as text. */
  heard(): string;
}

/** A server of a stranger: hears what it is shown, and asks for more by whatever its protocol has for that. */
async function echoServer(status: number): Promise<EchoServer> {
  const heard: string[] = [];
  const challenge = (request: IncomingMessage): string =>
    `Bearer realm="http://${request.headers.host ?? ''}/token",service="stranger"`;
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method, url, rawHeaders } = request;
      heard.push([method, url, ...rawHeaders, Buffer.concat(pieces).toString('utf8')].join('\n'));
      const isRegistry = url?.startsWith('/v2/') === true;
      if (isRegistry) response.writeHead(401, { 'www-authenticate': challenge(request) }).end();
      else response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return {
    url: `http://${host}`,
    host,
    heard: () => heard.join('\n\n'),
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const SECRET = 'hush0hush';
/** The secret as it is, in base64 behind a user's name, and what a signature begins with. */
const SHOWN = [SECRET, Buffer.from(`me:${SECRET}`).toString('base64'), 'AWS4-HMAC-SHA256', 'authorization'];

/** Puts a secret everywhere that clients of stores look for one. @returns the environment that leads to them. */
async function plant(repository: GateRepository, { url, host }: EchoServer): Promise<Record<string, string>> {
  const home = join(repository.folder, '../home');
  const auth = Buffer.from(`me:${SECRET}`).toString('base64');
  const program = `#!/bin/sh\ntouch "${home}/sprung"\necho '{"Version":1,"Username":"me","Secret":"${SECRET}"}'\n`;
  await repository.write('../home/.docker/config.json', JSON.stringify({ auths: { [host]: { auth } } }));
  await repository.write('../home/.aws/credentials', keys('default') + keys('other'));
  await repository.write(
    '../home/.aws/config',
    `[profile other]\ncredential_process = ${home}/bin/docker-credential-trap\n`,
  );
  await repository.write('../home/bin/docker-credential-trap', program);
  await chmod(join(home, 'bin/docker-credential-trap'), 0o755);
  return {
    HOME: home,
    PATH: `${home}/bin:${process.env['PATH'] ?? ''}`,
    GITHUB_TOKEN: `ghp_${SECRET}`,
    TOOLCRIB_GITHUB_TOKEN: `ghp_${SECRET}`,
    GITHUB_SERVER_URL: url,
    TOOLCRIB_HTTP_TOKEN: SECRET,
    AWS_ACCESS_KEY_ID: SECRET,
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_SESSION_TOKEN: SECRET,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: SECRET,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
  };
}

function keys(profile: string): string {
  return `[${profile}]\naws_access_key_id = ${SECRET}\naws_secret_access_key = ${SECRET}\n`;
}

/** One of each kind that is reached over a network. */
function storesAt({ url, host }: EchoServer): readonly string[] {
  return [
    `s3://bucket?endpoint=${url}&pathStyle=true`,
    `github:octo-org/tools?endpoint=${url}`,
    `oci://${host}/tools`,
    `${url}/tools`,
  ];
}

/** A change whose version and pins are done, so that stores are asked for claims and for the release. */
async function changeWith(repository: GateRepository, stores: readonly string[]): Promise<void> {
  await repository.configure({ stores });
  await repository.append(SOURCE, '# changed\n');
  await repository.write(VERSION_FILE, '28\n');
  await repository.write(SUMS_FILE, (await repository.read(SUMS_FILE)).replaceAll('-v27', '-v28'));
  await repository.commit('change');
}

/** Makes the base name these stores. */
async function baseWith(repository: GateRepository, settings: Readonly<Record<string, unknown>>): Promise<void> {
  await repository.configure(settings);
  await repository.commit('stores');
  await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
}

describe.concurrent('the credentials of this machine', missing, () => {
  test.each([401, 403, 404])('are shown to no store, also when it answers %d and asks for them', async (status) => {
    await using server = await echoServer(status);
    await using repository = await gateRepository();
    const env = await plant(repository, server);
    await changeWith(repository, storesAt(server));
    for (const more of [{}, { AWS_PROFILE: 'other' }]) {
      const { said, stdout, stderr } = await repository.check([], { ...env, ...more });
      for (const key of ['store', 'store 2', 'store 3', ...(status === 404 ? [] : ['store 4'])]) {
        if (key === 'store' && status === 404) continue;
        expect(said[key]).toContain('could not be told');
        expect(said[key]).toContain('--with-credentials');
      }
      expect(stdout + stderr).not.toContain(SECRET);
    }
    const heard = server.heard();
    expect(heard).toContain('/bucket/');
    expect(heard).toContain('/octo-org/tools');
    expect(heard).toContain('/token');
    for (const shown of SHOWN) expect(heard.toLowerCase()).not.toContain(shown.toLowerCase());
    expect(heard).not.toMatch(/\/latest|\/container|\/api\/v3/);
    expect(await readdir(join(repository.folder, '../home'))).not.toContain('sprung');
  });

  test('are shown, when asked for, to the stores that the base names, and to no other', async () => {
    await using known = await echoServer(403);
    await using strange = await echoServer(403);
    await using repository = await gateRepository();
    await baseWith(repository, { stores: storesAt(known) });
    const env = await plant(repository, known);
    const auth = { auth: Buffer.from(`me:${SECRET}`).toString('base64') };
    const auths = { [known.host]: auth, [strange.host]: auth };
    await repository.write('../home/.docker/config.json', JSON.stringify({ auths }));
    await changeWith(repository, [...storesAt(known), ...storesAt(strange)]);
    const args = ['--with-credentials', '--base', 'origin/main'];
    const end = await repository.check(args, env);
    expect(end.stdout + end.stderr).not.toContain(SECRET);
    expect(known.heard()).toContain('AWS4-HMAC-SHA256 Credential=hush0hush/');
    expect(known.heard()).toContain(`Basic ${auth.auth}`);
    expect(known.heard()).toMatch(/(?:token|Bearer) ghp_hush0hush/);
    expect(strange.heard()).toContain('/bucket/');
    for (const shown of SHOWN) expect(strange.heard().toLowerCase()).not.toContain(shown.toLowerCase());
    const heard = known.heard().length;
    await repository.configure({ rewrite: [{ from: 'https://elsewhere.example/', to: `${strange.url}/` }] });
    await repository.check(args, env);
    const since = known.heard().slice(heard).toLowerCase();
    expect(since).toContain('/bucket/');
    for (const shown of SHOWN) expect(since).not.toContain(shown.toLowerCase());
  });

  test('are not for a base that the change itself chose', async () => {
    await using repository = await gateRepository();
    const end = await repository.check(['--with-credentials']);
    expect(end.code).toBe(2);
    expect(end.stdout).toContain('--base BRANCH');
    expect(await repository.check(['--with-credentials'], { GITHUB_BASE_REF: 'main' })).toMatchObject({ code: 0 });
  });
});

describe.concurrent('a store that is not for everybody', missing, () => {
  test('on GitHub is told from one that lacks the release', async () => {
    const repositories = [{ name: 'octo-org/open' }, { name: 'octo-org/closed', private: true }];
    await using github = await startGithub({ repositories, tokens: {} });
    await using repository = await gateRepository();
    const references = repositories.map(({ name }) => `github:${name}?endpoint=${github.endpoint}`);
    await repository.configure({ stores: references });
    const { said } = await repository.check();
    expect(said['store']).toContain('does not have v27');
    expect(said['store 2']).toContain('could not be told');
    expect(github.violations).toEqual([]);
  });
});

describe.concurrent('an S3 store', requireOrSkip((await s3Available()) ?? (await programsMissing('git'))), () => {
  const KEYS = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };

  /** A base whose release lies in a bucket. */
  async function releaseIn(bucket: string): Promise<GateRepository> {
    const repository = await gateRepository();
    const client = s3Client();
    for (const name of await readdir(repository.store)) {
      const Body = await readFile(join(repository.store, name));
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: name, Body }));
    }
    client.destroy();
    await baseWith(repository, { stores: [`s3://${bucket}?endpoint=${s3Server.endpoint}&pathStyle=true`] });
    return repository;
  }

  test('for everybody is told about without credentials, also where nobody may list it', async () => {
    await using bucket = await freshBucket({ publicRead: true });
    await using repository = await releaseIn(bucket.name);
    expect(await repository.check([], KEYS)).toMatchObject({ code: 0, outcomes: { store: 'ok' } });
  });

  test('that is private is told about with credentials only', async () => {
    await using bucket = await freshBucket();
    await using repository = await releaseIn(bucket.name);
    const end = await repository.check([], KEYS);
    expect(end).toMatchObject({ code: 9, outcomes: { store: 'failed' } });
    expect(end.said['store']).toMatch(/could not be told: GET .* answered 403/);
    const args = ['--with-credentials', '--base', 'origin/main'];
    expect(await repository.check(args, KEYS)).toMatchObject({ code: 0, outcomes: { store: 'ok' } });
  });
});
