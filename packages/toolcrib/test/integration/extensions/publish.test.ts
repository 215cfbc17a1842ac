import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldOf } from '../../../src/core/json-fields.ts';
import { registryAvailable, startRegistry, type RegistryServer } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { startServe, type ServedStore } from '../../servers/serve.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { componentOf, declare, digestOf, packOf } from '../../unit/extensions/pack-site.ts';
import { packBytesOf, zipBytes } from '../../unit/extensions/pack/zip-bytes.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { connectTo, putHead, untilReceiving } from '../serve/raw-connection.ts';
import { extensionSite } from './extension-site.ts';

const ID = 'greentic.http';
const component = componentOf('one');
const pack = packOf('one');

/** A folder with two packs of one extension, `one.gtxpack` and `two.gtxpack`, and what is none. */
async function packsIn(): Promise<ScratchProject> {
  const site = await scratchProject();
  await site.write('one.gtxpack', pack);
  await site.write('two.gtxpack', packOf('two'));
  await site.write('wrong.gtxpack', packBytesOf(component, [], digestOf(Buffer.from('other'))));
  await site.write('none.gtxpack', 'no pack at all');
  return site;
}

interface Publishing {
  readonly file?: string;
  readonly version?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Words that follow. */
  readonly more?: readonly string[];
}

/** Publishes from a folder. */
async function publish(
  { folder }: ScratchProject,
  to: string,
  { file = 'one.gtxpack', version = '1.2.0', env = {}, more = [] }: Publishing = {},
): Promise<CliEnd> {
  return await toolcrib(['--json', 'ext', 'publish', file, '--version', version, '--to', to, ...more], {
    cwd: folder,
    env,
  });
}

const isRefusal = (status: number): boolean => status >= 400 && status < 500;
/** The exit code and the error; whatever else the document tells is not looked at. */
const errorOf = (end: CliEnd): unknown => ({ code: end.code, error: fieldOf(documentOf(end), 'error') });
const failing = (code: number, error: object): object => ({ code, error: expect.objectContaining(error) as unknown });

describe('a pack that is published to a directory', () => {
  test('stands there once and for all', async () => {
    await using site = await packsIn();
    const path = join(site.folder, 'store/extensions/greentic.http@1.2.0.gtxpack');
    const first = await publish(site, 'file:store');
    expect(documentOf(first)).toEqual({
      name: ID,
      version: '1.2.0',
      digest: digestOf(pack),
      size: pack.byteLength,
      component: digestOf(component),
      stores: [{ outcome: 'created', where: `file://${path}`, source: `file://${path}`, failure: null }],
    });
    expect(documentOf(await publish(site, 'file:store'))).toMatchObject({ stores: [{ outcome: 'exists' }] });
    const taken = await publish(site, 'file:store', { file: 'two.gtxpack' });
    expect(errorOf(taken)).toEqual(failing(6, { code: 'VERSION_TAKEN' }));
    expect((await readFile(path)).equals(pack)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect((await publish(site, 'file:store', { file: 'two.gtxpack', version: '1.3.0-rc.1+build' })).code).toBe(0);
  });

  test('is told in one form, which what depends on it can say', async () => {
    await using site = await packsIn();
    const end = await publish(site, 'file:a store', { more: ['--name', 'acme/http'] });
    const source = `file://${join(site.folder, 'a store/extensions/acme~http@1.2.0.gtxpack')}`;
    expect(documentOf(end)).toMatchObject({ stores: [{ where: source, source }] });
    expect(await toolcrib(['ext', 'add', ID, source], { cwd: site.folder })).toMatchObject({ code: 0 });
  });

  test('is what it says, or is not published', async () => {
    await using site = await packsIn();
    const wrong = await publish(site, 'file:store', { file: 'wrong.gtxpack' });
    expect(errorOf(wrong)).toEqual(failing(4, { code: 'DIGEST_MISMATCH' }));
    const none = await publish(site, 'file:store', { file: 'none.gtxpack' });
    expect(errorOf(none)).toEqual(failing(4, { code: 'MALFORMED' }));
    await site.write('other.gtxpack', zipBytes([{ name: 'a', content: 'of something else' }]));
    const other = await publish(site, 'file:store', { file: 'other.gtxpack', more: ['--name', ID] });
    expect(errorOf(other)).toEqual(failing(4, { code: 'MALFORMED' }));
    const missing = await publish(site, 'file:store', { file: 'missing.gtxpack' });
    expect(errorOf(missing)).toEqual(failing(3, { code: 'NOT_FOUND' }));
    const version = await publish(site, 'file:store', { version: '../1' });
    expect(errorOf(version)).toEqual(failing(2, { code: 'USAGE' }));
    const elsewhere = await publish(site, 's3://bucket');
    expect(errorOf(elsewhere)).toEqual(failing(2, { code: 'USAGE' }));
    expect(await readdir(site.folder)).not.toContain('store');
  });

  test('is written nowhere when one of the stores takes no packs', async () => {
    await using site = await packsIn();
    for (const refused of ['s3://bucket/x', 'github:owner/name', 'https//typo', 'oci://UPPER']) {
      const end = await publish(site, 'file:store', { more: ['--to', refused] });
      expect(errorOf(end)).toMatchObject({ code: 2 });
      expect(await readdir(site.folder)).not.toContain('store');
    }
    for (const refused of ['s3://bucket/x', 's3:/typo', 'https//typo', 'store']) {
      const hint = 'publish packs to file:DIR, oci://HOST/REPOSITORY, or the https:// URL of a "toolcrib serve"';
      expect(errorOf(await publish(site, refused))).toEqual(failing(2, { hint }));
    }
  });

  test('needs a name where its own files say none', async () => {
    await using site = await packsIn();
    await site.write('tools.gtxpack', zipBytes([{ name: 'describe.json', content: '{}' }]));
    expect(errorOf(await publish(site, 'file:store', { file: 'tools.gtxpack' }))).toEqual(
      failing(2, {
        message: expect.stringContaining('it has no component.json') as unknown,
        hint: expect.stringContaining('--name') as unknown,
      }),
    );
    const named = await publish(site, 'file:store', { file: 'tools.gtxpack', more: ['--name', 'acme.tools'] });
    expect(documentOf(named)).toMatchObject({ name: 'acme.tools', component: null });
  });

  test('is told for every store, and the others get it, when one fails', async () => {
    await using site = await packsIn();
    const words = ['ext', 'publish', 'one.gtxpack', '--version', '1.2.0'];
    const stores = ['--to', 'file:a', '--to', 'http://127.0.0.1:1', '--to', 'file:b'];
    const end = await publish(site, 'file:a', { more: stores.slice(2) });
    const error = { code: 'UNREACHABLE' };
    const failed = { outcome: 'failed', where: expect.stringContaining('http://127.0.0.1:1/') as string, source: null };
    expect([end.code, documentOf(end)]).toMatchObject([
      7,
      { name: ID, stores: [{ outcome: 'created' }, { ...failed, failure: error }, { outcome: 'created' }], error },
    ]);
    const told = await toolcrib([...words, ...stores], { cwd: site.folder });
    expect(told.code).toBe(7);
    expect(told.stdout).toMatch(/was there .*\/a\/[^]*failed {5}http:\/\/127\.0\.0\.1:1\/[^]*was there .*\/b\//);
    expect(told.stderr).toContain('127.0.0.1:1');
  });

  test('is not said to be published when other bytes stand there', async () => {
    await using site = await packsIn();
    await publish(site, 'file:store');
    const path = join(site.folder, 'store/extensions/greentic.http@1.2.0.gtxpack');
    await chmod(path, 0o644);
    await writeFile(path, pack.subarray(1));
    expect(errorOf(await publish(site, 'file:store'))).toEqual(failing(6, { code: 'VERSION_TAKEN' }));
  });
});

describe('a pack that is published to toolcrib serve', () => {
  const tokens = ({ url, token }: ServedStore) => ({ TOOLCRIB_HTTP_TOKEN: token, TOOLCRIB_HTTP_TOKEN_ORIGIN: url });
  const artifact = ({ url }: ServedStore, name: string) => `${url}/api/v1/extensions/${name}/artifact`;
  const put = async (server: ServedStore, name: string, body: Uint8Array, headers: Record<string, string> = {}) => {
    const authorization = `Bearer ${server.token}`;
    const options = {
      method: 'PUT',
      body: new Uint8Array(body),
      headers: { authorization, 'if-none-match': '*', ...headers },
    };
    const response = await fetch(artifact(server, name), options);
    return { status: response.status, text: await response.text() };
  };

  test('is answered with its digest, listed, and resolved by what depends on it', async () => {
    await using server = await startServe();
    await using site = await packsIn();
    const end = await publish(site, server.url, { env: tokens(server) });
    const where = artifact(server, `${ID}/1.2.0`);
    const stores = [{ outcome: 'created', where, source: `store://${ID}@1.2.0` }];
    expect(documentOf(end)).toMatchObject({ stores });
    const response = await fetch(where);
    expect(response.headers.get('x-artifact-sha256')).toBe(digestOf(pack).slice('sha256:'.length));
    expect(response.headers.get('cache-control')).toContain('immutable');
    expect(Buffer.from(await response.arrayBuffer()).equals(pack)).toBe(true);
    expect(await (await fetch(`${server.url}/api/v1/extensions`)).json()).toEqual({
      schema: 'toolcrib.extensions.v1',
      extensions: [{ name: ID, version: '1.2.0', size: pack.byteLength, digest: digestOf(pack) }],
    });
    const page = await (await fetch(server.url, { headers: { accept: 'text/html' } })).text();
    expect(page).toContain(`<a href="./api/v1/extensions/${ID}/1.2.0/artifact">${ID}@1.2.0</a>`);

    await using dependent = await extensionSite();
    await declare(dependent, [{ id: ID, ref: `store://${ID}@1.2.0` }]);
    const env = { TOOLCRIB_STORE_URL: server.url };
    expect(await dependent.resolve(ID, { env })).toMatchObject({ digest: digestOf(component) });
    await server.end('SIGTERM');
    expect(await dependent.resolve(ID, { offline: true })).toMatchObject({ digest: digestOf(component) });
  });

  test('stands there once and for all, of two who race exactly one is first', async () => {
    await using server = await startServe();
    await using site = await packsIn();
    const env = tokens(server);
    const files = ['one.gtxpack', 'two.gtxpack'];
    const ends = await Promise.all(files.map((file) => publish(site, server.url, { file, env })));
    expect(ends.map(({ code }) => code).toSorted()).toEqual([0, 6]);
    const first = files[ends.findIndex(({ code }) => code === 0)] ?? '';
    expect(documentOf(await publish(site, server.url, { file: first, env }))).toMatchObject({
      stores: [{ outcome: 'exists' }],
    });
  });

  test('is not taken without the token, and nobody sees what is no sound pack', async () => {
    await using server = await startServe();
    await using site = await packsIn();
    expect((await publish(site, server.url)).code).toBe(7);
    expect((await put(server, `${ID}/1.0`, pack, { authorization: 'Bearer wrong' })).status).toBe(401);
    const none = await put(server, `${ID}/1.0`, Buffer.from('no pack'));
    expect([none.status, none.text]).toEqual([
      400,
      expect.stringMatching(/"greentic\.http@1\.0" cannot be used: it is not a ZIP.*nothing was kept/),
    ]);
    const wrong = await put(server, `${ID}/1.0`, packBytesOf(component, [], digestOf(Buffer.from('other'))));
    expect([wrong.status, wrong.text]).toEqual([400, expect.stringContaining('is another: component.json says')]);
    const twice = zipBytes([{ name: 'a' }, { name: 'a' }]);
    expect((await put(server, `${ID}/1.0`, twice)).text).toContain('is there twice');
    const other = await put(server, `${ID}/1.0`, zipBytes([{ name: 'a', content: 'of something else' }]));
    expect([other.status, other.text]).toEqual([400, expect.stringContaining('a ZIP without component.json')]);
    const announced = await put(server, `${ID}/1.0`, pack, { 'x-artifact-sha256': '0'.repeat(64) });
    expect(announced.status).toBe(400);
    expect((await fetch(artifact(server, `${ID}/1.0`))).status).toBe(404);
    expect(await (await fetch(`${server.url}/api/v1/extensions`)).json()).toMatchObject({ extensions: [] });
    const left = await readdir(server.root, { recursive: true });
    expect(left.filter((name) => !name.includes('.toolcrib-serve'))).toEqual(['extensions']);
    expect(server.openFiles()).toBe(0);
  });

  test('has no name that leads elsewhere', async () => {
    await using server = await startServe();
    const names = ['..%2f..%2fa/1', 'a/..', '%00/1', 'a%5cb/1', 'a~b/1', '.hidden/1', 'a/1@2', `${'a'.repeat(201)}/1`];
    for (const name of names) {
      expect([name, (await put(server, name, pack)).status]).toEqual([name, expect.toSatisfy(isRefusal)]);
      expect([name, (await fetch(artifact(server, name))).status]).toEqual([name, expect.toSatisfy(isRefusal)]);
    }
    expect((await readdir(server.root)).filter((each) => !each.startsWith('.'))).toEqual([]);
  });

  test('may have slashes in its name, and cannot take the place of the folder of packs', async () => {
    await using server = await startServe();
    expect((await put(server, 'acme/tools/http/1.0+b', pack)).status).toBe(201);
    expect((await fetch(artifact(server, 'acme/tools/http/1.0%2Bb'))).status).toBe(200);
    expect(await readdir(join(server.root, 'extensions'))).toContain('acme~tools~http@1.0+b.gtxpack');
    const headers = { authorization: `Bearer ${server.token}`, 'if-none-match': '*' };
    expect((await fetch(`${server.url}/extensions`, { method: 'PUT', body: 'x', headers })).status).toBe(400);
  });

  test('is there whole or not at all, also when the server is killed while it comes', async () => {
    await using server = await startServe();
    const folder = join(server.root, 'extensions');
    await mkdir(folder);
    using connection = await connectTo(server.port);
    connection.socket.write(putHead(`api/v1/extensions/${ID}/1.0/artifact`, pack.byteLength, server.token));
    connection.socket.write(pack.subarray(0, -1));
    await untilReceiving(folder);
    await server.end('SIGKILL');
    expect((await readdir(folder)).filter((name) => !name.startsWith('.'))).toEqual([]);
    await server.restart();
    expect(await readdir(folder)).toEqual([]);
    expect((await put(server, `${ID}/1.0`, pack)).status).toBe(201);
  });

  test('is served from where it was published to as a directory, too', async () => {
    await using server = await startServe({ publishing: false });
    await using site = await packsIn();
    expect((await publish(site, `file:${server.root}`)).code).toBe(0);
    expect((await fetch(artifact(server, `${ID}/1.2.0`))).status).toBe(200);
    expect((await put(server, `${ID}/2.0.0`, pack)).status).toBe(403);
  });
});

describe('a pack that is published to a registry', requireOrSkip(await registryAvailable()), () => {
  let registry: RegistryServer | undefined;
  let count = 0;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
  });
  const repository = (): string => `${registry?.host ?? ''}/team/pack${count++}`;

  test('is pulled by skopeo, and resolved by the digest of its manifest', async () => {
    await using site = await packsIn();
    const name = repository();
    const end = documentOf(await publish(site, `oci://${name}`, { version: '1.2.0+build' }));
    const source = expect.stringMatching(/^oci:\/\/.*@sha256:[0-9a-f]{64}$/) as unknown;
    expect(end).toMatchObject({ stores: [{ outcome: 'created', where: `oci://${name}:1.2.0_build`, source }] });
    const pulled = await mkdtemp(join(tmpdir(), 'toolcrib-pulled-'));
    try {
      const options = ['--src-tls-verify=false', '--insecure-policy'];
      await promisify(execFile)('skopeo', ['copy', ...options, `docker://${name}:1.2.0_build`, `dir:${pulled}`]);
      expect((await readFile(join(pulled, digestOf(pack).slice('sha256:'.length)))).equals(pack)).toBe(true);
    } finally {
      await rm(pulled, { recursive: true });
    }
    await using dependent = await extensionSite();
    const { stores } = end as { readonly stores: readonly { readonly source: string }[] };
    await declare(dependent, [{ id: ID, ref: stores[0]?.source ?? '' }]);
    expect(await dependent.resolve(ID)).toMatchObject({ digest: digestOf(component), pack: { tier: 'network' } });
  });

  test('that wants credentials is told as who may push', async () => {
    await using site = await packsIn();
    await using locked = await startRegistry({ auth: 'htpasswd' });
    const end = await publish(site, `oci://${locked.host}/team/pack`);
    const hint = expect.stringMatching(/pull and to push: "docker login" as .* oci:\/\/.*\/team\/pack$/) as unknown;
    expect(errorOf(end)).toEqual(failing(7, { code: 'REMOTE_REFUSED', hint }));
  });

  test('stands there once and for all', async () => {
    await using site = await packsIn();
    const to = `oci://${repository()}`;
    const first = documentOf(await publish(site, to));
    const again = documentOf(await publish(site, to)) as { readonly stores: readonly object[] };
    expect(again).toEqual({ ...(first as object), stores: [{ ...again.stores[0], outcome: 'exists' }] });
    expect(errorOf(await publish(site, to, { file: 'two.gtxpack' }))).toEqual(failing(6, { code: 'VERSION_TAKEN' }));
    expect(documentOf(await publish(site, to))).toEqual(again);
  });
});
