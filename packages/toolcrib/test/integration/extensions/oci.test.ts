import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFileServer } from '../../servers/http.ts';
import { registryAvailable, registryUser, startRegistry, type RegistryServer } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { cachedPath, componentOf, declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { extensionSite } from './extension-site.ts';
import { PACK_TYPE, pushWithSkopeo, type ForeignArtifact } from './oci-layout.ts';

const ID = 'acme.http';
const pack = packOf('one');

test('a manifest that lies about the size of its layer is refused, also where the cache has both', async () => {
  const resolve = async (size: number) => {
    const layer = { mediaType: PACK_TYPE, digest: digestOf(pack), size };
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }));
    await using site = await extensionSite();
    await site.write(relative(site.folder, cachedPath(site.cache, pack)), pack);
    await site.write(`cache/ext-store/${digestOf(manifest).replace(':', '-')}.manifest.json`, manifest);
    await declare(site, [{ id: ID, ref: `oci://127.0.0.1:1/team/http@${digestOf(manifest)}` }]);
    return await site.resolve(ID, { offline: true });
  };
  await expect(resolve(pack.byteLength)).resolves.toMatchObject({ pack: { tier: 'cache' } });
  const error = await failureOfAsync(() => resolve(pack.byteLength + 1));
  expect([error.name, error.code]).toEqual(['IntegrityError', 'SIZE_MISMATCH']);
});

describe('a pack in a registry', requireOrSkip(await registryAvailable()), () => {
  let registry: RegistryServer | undefined;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry?.[Symbol.asyncDispose]();
  });

  /** A site that depends on an artifact that skopeo pushed to a repository of its own. */
  async function siteOf(artifact: ForeignArtifact = { layers: [{ bytes: pack }] }, reference?: string) {
    const host = registry?.host ?? '';
    const repository = `team/http${count++}`;
    const digest = await pushWithSkopeo(artifact, `${host}/${repository}:1.0`);
    const site = await extensionSite();
    const name = `oci://${host}/${repository}`;
    const ref = reference === undefined ? `${name}@${digest}` : `${name}${reference}`;
    await declare(site, [{ id: ID, ref }]);
    return { ...site, registry: host, repository, name, ref, digest };
  }

  test('that skopeo pushed is pulled by the digest of its manifest, and its layer is checked', async () => {
    await using site = await siteOf();
    const resolved = await site.resolve(ID);
    expect(Buffer.from(resolved.bytes)).toEqual(componentOf('one'));
    expect(resolved).toMatchObject({
      sourceRef: site.ref,
      digest: digestOf(componentOf('one')),
      pack: { digest: digestOf(pack), tier: 'network' },
    });
  });

  test('is not asked for again, and is served offline', async () => {
    await using site = await siteOf();
    await site.resolve(ID);
    await expect(site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { tier: 'cache' } });
    await expect(site.resolve(ID, { env: { HTTP_PROXY: 'http://127.0.0.1:1' } })).resolves.toMatchObject({});
  });

  test('that comes again brings its manifest again, which may have been collected meanwhile', async () => {
    await using site = await siteOf();
    await site.resolve(ID);
    const layer = cachedPath(site.cache, pack);
    const manifest = join(dirname(layer), `${site.digest.replace(':', '-')}.manifest.json`);
    await rm(layer);
    await utimes(manifest, 0, 0);
    await site.resolve(ID);
    expect((await stat(manifest)).mtimeMs).toBeGreaterThan(0);
  });

  test('that was never resolved is not served offline', async () => {
    await using site = await siteOf();
    const error = await failureOfAsync(() => site.resolve(ID, { offline: true }));
    expect([error.code, error.message]).toEqual(['OFFLINE', expect.stringContaining(site.ref)]);
    await site.resolve(ID);
    await rm(join(site.cache, 'ext-store'), { recursive: true });
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
  });

  test('by a tag is not asked for before it is locked; then the lock counts, whatever the tag becomes', async () => {
    await using site = await siteOf(undefined, ':1.0');
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['UsageError', 'LOCK_OUTDATED']);
    for (const said of [`"${ID}"`, `"${site.ref}"`]) expect(error.message).toContain(said);
    await writeLock(site, [{ id: ID, ref: site.ref, digest: site.digest }]);
    await pushWithSkopeo({ layers: [{ bytes: packOf('two') }] }, `${site.registry}/${site.repository}:1.0`);
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test('by a tag cannot be locked offline, whatever the cache has', async () => {
    await using site = await siteOf(undefined, ':1.0');
    await site.lock();
    const error = await failureOfAsync(() => site.lock({ offline: true }));
    expect(error).toMatchObject({
      code: 'OFFLINE',
      message: expect.stringContaining('is a tag') as unknown,
      hint: expect.stringContaining('only be locked online') as unknown,
    });
    await expect(site.lock({ offline: true, frozen: true })).resolves.toMatchObject({ changed: false });
  });

  test('that has another digest than its lock is refused before anybody is asked', async () => {
    await using site = await siteOf();
    const locked = digestOf(Buffer.from('another'));
    await writeLock(site, [{ id: ID, ref: site.ref, digest: locked }]);
    const error = await failureOfAsync(() => site.resolve(ID, { offline: true }));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    expect(error.message).toContain(locked);
    expect(error.message).toContain(site.digest);
  });

  test('may be any artifact of one layer where its digest is named', async () => {
    const layer = { bytes: pack, mediaType: 'application/octet-stream' };
    await using site = await siteOf({ layers: [layer], configType: 'application/vnd.example.config+json' });
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test.each([
    ['two layers', { layers: [{ bytes: pack }, { bytes: packOf('two') }] }],
    ['no layer', { layers: [] }],
  ])('is no artifact of %s', async (_, artifact) => {
    await using site = await siteOf(artifact);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
    for (const said of [`"${ID}"`, site.digest, 'exactly one layer']) expect(error.message).toContain(said);
    await expect(readdir(join(site.cache, 'ext-store'))).rejects.toThrow('ENOENT');
  });

  test.each([
    ['other bytes', Buffer.alloc(pack.byteLength), 'DIGEST_MISMATCH'],
    ['more bytes', Buffer.concat([pack, Buffer.from('more')]), 'SIZE_MISMATCH'],
  ])('is refused when the registry gives %s for its layer, and nothing of them is kept', async (_, bytes, code) => {
    await using site = await extensionSite();
    const layer = { mediaType: PACK_TYPE, digest: digestOf(pack), size: pack.byteLength };
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }));
    await using server = await startFileServer({
      [`/v2/team/http/manifests/${digestOf(manifest)}`]: manifest,
      [`/v2/team/http/blobs/${layer.digest}`]: bytes,
    });
    const ref = `oci://${new URL(server.url).host}/team/http@${digestOf(manifest)}`;
    await declare(site, [{ id: ID, ref }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', code]);
    expect(error.message).toContain(`extension "${ID}" ("${ref}")`);
    expect((await readdir(join(site.cache, 'ext-store'))).filter((name) => name.endsWith('.gtxpack'))).toEqual([]);
  });

  test('that is none is not kept, however right its digest is', async () => {
    await using site = await siteOf({ layers: [{ bytes: Buffer.from('an image') }] });
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
    expect(error.message).toContain('it is not a ZIP');
    expect(await readdir(join(site.cache, 'ext-store'))).toEqual([]);
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
  });

  test('that is too large by its manifest is not asked for', async () => {
    await using site = await extensionSite();
    const layer = { mediaType: PACK_TYPE, digest: digestOf(pack), size: 512 * 1024 ** 2 + 1 };
    const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, layers: [layer] }));
    await using server = await startFileServer({ [`/v2/team/http/manifests/${digestOf(manifest)}`]: manifest });
    await declare(site, [{ id: ID, ref: `oci://${new URL(server.url).host}/team/http@${digestOf(manifest)}` }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.code, error.message]).toEqual(['TOO_LARGE', expect.stringContaining(`"${ID}"`)]);
    expect(server.requests.filter(({ path }) => path.includes('/blobs/'))).toEqual([]);
  });

  test('that is not there is not found', async () => {
    await using site = await siteOf();
    const ref = `${site.name}@${digestOf(Buffer.from('nothing'))}`;
    await declare(site, [{ id: ID, ref }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['NotFoundError', 'NOT_FOUND']);
    expect(error.message).toContain(`extension "${ID}" ("${ref}") is not at ${site.name}`);
  });

  test('below repoBase is a repo:// reference, whose base the project names', async () => {
    await using site = await siteOf();
    const ref = `repo://${site.repository.replace('team/', '')}@${site.digest}`;
    await declare(site, [{ id: ID, ref }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining('"repoBase"')]);
    expect(error.message).toContain(ref);
    const config = { tool: 'x', targets: ['amd64'], repoBase: `http://${site.registry}/team/` };
    await site.write('toolcrib.json', JSON.stringify(config));
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')), sourceRef: ref });
  });

  test('goes by a mirror where a rule of the project says so', async () => {
    await using site = await siteOf();
    await declare(site, [{ id: ID, ref: `oci://images.example.com/${site.repository}@${site.digest}` }]);
    const rewrite = [{ from: 'https://images.example.com', to: `http://${site.registry}` }];
    await site.write('toolcrib.json', JSON.stringify({ tool: 'x', targets: ['amd64'], rewrite }));
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test('is locked with its media type and its size', async () => {
    await using site = await siteOf(undefined, ':1.0');
    const { extensions } = await site.lock();
    expect(extensions).toEqual([
      {
        id: ID,
        role: 'component',
        sourceRef: site.ref,
        resolvedRef: `${site.name}@${site.digest}`,
        digest: site.digest,
        mediaType: PACK_TYPE,
        size: pack.byteLength,
      },
    ]);
    await expect(site.resolve(ID, { frozen: true })).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test('by a tag has to be called a pack', async () => {
    await using site = await siteOf({ layers: [{ bytes: pack, mediaType: 'application/zip' }] }, ':1.0');
    const error = await failureOfAsync(() => site.lock());
    expect([error.code, error.message]).toEqual([
      'MALFORMED',
      expect.stringContaining(`"application/zip", expected ${PACK_TYPE}`),
    ]);
  });
});

describe('a pack below repoBase', () => {
  test('is told how a toolcrib.json looks that names it, and that one does', async () => {
    await using site = await extensionSite();
    await declare(site, [{ id: ID, ref: `repo://http@${digestOf(pack)}` }]);
    const { hint } = await failureOfAsync(() => site.resolve(ID));
    await site.write('toolcrib.json', /\{.*\}/.exec(hint ?? '')?.[0] ?? '');
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
  });
});

describe('a registry that wants credentials', requireOrSkip(await registryAvailable()), () => {
  test('gets those of "docker login"', async () => {
    await using registry = await startRegistry({ auth: 'htpasswd' });
    await using site = await extensionSite();
    await using open = await startRegistry();
    const digest = await pushWithSkopeo({ layers: [{ bytes: pack }] }, `${open.host}/a:1`);
    const ref = `oci://${registry.host}/a@${digest}`;
    await declare(site, [{ id: ID, ref }]);
    const refused = await failureOfAsync(() => site.resolve(ID));
    expect([refused.code, refused.details['extension']]).toEqual(['REMOTE_REFUSED', ID]);
    const auth = Buffer.from(`${registryUser.name}:${registryUser.password}`).toString('base64');
    await site.write('.docker/config.json', JSON.stringify({ auths: { [registry.host]: { auth } } }));
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['NotFoundError', 'NOT_FOUND']);
  });
});
