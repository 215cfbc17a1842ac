import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { cachedPath, componentOf, declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { zipBytes } from '../../unit/extensions/pack/zip-bytes.ts';
import { startProxy } from '../transfer/proxy-server.ts';
import { extensionSite, type ExtensionSite } from './extension-site.ts';
import { startExtensionStore, type ExtensionStore, type StoredPack } from './extension-store.ts';

const pack = packOf('one');
const other = packOf('other');
const REF = 'store://acme/http@1.0.0';
const ID = 'acme.http';

interface Site extends AsyncDisposable {
  readonly site: ExtensionSite;
  readonly store: ExtensionStore;
  readonly env: Readonly<Record<string, string>>;
}

/** A pack that depends on one extension of a store, which has it. */
async function siteOfStore(stored: StoredPack = { bytes: pack }): Promise<Site> {
  const site = await extensionSite();
  const store = await startExtensionStore({ 'acme/http/1.0.0': stored });
  await declare(site, [{ id: ID, ref: REF }]);
  return {
    site,
    store,
    env: { TOOLCRIB_STORE_URL: store.url },
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

const namesIn = async ({ cache }: ExtensionSite): Promise<readonly string[]> =>
  (await readdir(join(cache, 'ext-store')).catch(() => [])).sort();

describe('a pack of the extension store', () => {
  test('is asked for at the documented endpoint, and its component is what it has to be', async () => {
    await using at = await siteOfStore();
    const resolved = await at.site.resolve(ID, at);
    expect(Buffer.from(resolved.bytes)).toEqual(componentOf('one'));
    expect(resolved).toMatchObject({
      extensionId: ID,
      sourceRef: REF,
      digest: digestOf(componentOf('one')),
      pack: { digest: digestOf(pack), size: pack.byteLength, tier: 'network' },
    });
    expect(at.store.asked).toEqual(['/api/v1/extensions/acme/http/1.0.0/artifact']);
  });

  test.each(['/', '///', ''])('is asked for below a base that ends with %j', async (end) => {
    await using site = await extensionSite();
    await using store = await startExtensionStore({ 'acme/http/1.0.0': { bytes: pack } }, '/a/base');
    await declare(site, [{ id: ID, ref: REF }]);
    await site.resolve(ID, { env: { TOOLCRIB_STORE_URL: `${store.url}${end}` } });
    expect(store.asked).toEqual(['/a/base/api/v1/extensions/acme/http/1.0.0/artifact']);
  });

  test('comes from GREENTIC_STORE_URL when there is no TOOLCRIB_STORE_URL', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, { env: { GREENTIC_STORE_URL: at.store.url, TOOLCRIB_STORE_URL: '' } });
    await at.site.resolve(ID, { env: { GREENTIC_STORE_URL: 'http://127.0.0.1:1', ...at.env } });
    expect(at.store.asked).toHaveLength(2);
  });

  test('needs a store that is named, and the error names the variables, the extension and its reference', async () => {
    await using at = await siteOfStore();
    const error = await failureOfAsync(() => at.site.resolve(ID));
    expect(error.name).toBe('UsageError');
    for (const said of ['TOOLCRIB_STORE_URL', 'GREENTIC_STORE_URL', `"${ID}"`, `"${REF}"`]) {
      expect(error.message).toContain(said);
    }
  });

  test.each(['store.example.com', 'http://store.example.com', 'https://user:hunter2@store.example.com', 'file:/tmp'])(
    'is not asked for at %s, and that is not repeated',
    async (url) => {
      await using at = await siteOfStore();
      const error = await failureOfAsync(() => at.site.resolve(ID, { env: { TOOLCRIB_STORE_URL: url } }));
      expect(error.name).toBe('UsageError');
      expect(error.message).toContain('TOOLCRIB_STORE_URL does not name one');
      expect(JSON.stringify([error.message, error.hint, error.details])).not.toContain(url);
    },
  );

  test('goes by a mirror where a rule of the project says so', async () => {
    await using at = await siteOfStore();
    const config = {
      tool: 'x',
      targets: ['amd64'],
      rewrite: [{ from: 'https://store.example.com', to: at.store.url }],
    };
    await at.site.write('toolcrib.json', JSON.stringify(config));
    const { pack: found } = await at.site.resolve(ID, { env: { TOOLCRIB_STORE_URL: 'https://store.example.com' } });
    expect(found.where).toBe(`${at.store.url}/api/v1/extensions/acme/http/1.0.0/artifact`);
  });

  test('goes by the proxy that the environment names', async () => {
    await using at = await siteOfStore();
    await using proxy = await startProxy();
    await at.site.resolve(ID, { env: { ...at.env, http_proxy: proxy.url } });
    expect(proxy.asked).toEqual([`GET ${at.store.url}/api/v1/extensions/acme/http/1.0.0/artifact`]);
  });

  test('tells how far it is', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    expect(at.site.progress).toEqual([{ label: ID, total: pack.byteLength, came: pack.byteLength, ended: true }]);
  });

  test.each([
    ['upper case', digestOf(pack).slice(7).toUpperCase()],
    ['nothing', null],
  ])('is taken when the store tells its digest as %s', async (_, told) => {
    await using at = await siteOfStore({ bytes: pack, told });
    await expect(at.site.resolve(ID, at)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test.each([
    ['another digest', digestOf(other).slice(7)],
    ['no digest', 'deadbeef'],
    ['a digest with its algorithm', digestOf(pack)],
    ['an empty text', ' '],
  ])('is refused when the store tells %s, and nothing of it is kept', async (_, told) => {
    await using at = await siteOfStore({ bytes: pack, told });
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    for (const said of ['integrity check', `"${ID}"`, `"${REF}"`, told.trim(), digestOf(pack)]) {
      expect(error.message).toContain(said);
    }
    expect(await namesIn(at.site)).toEqual([]);
  });

  test('that is too large by the store’s own word is refused at once, and nothing of it is kept', async () => {
    await using at = await siteOfStore({ bytes: pack, announced: 513 * 1024 ** 2 });
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'TOO_LARGE']);
    expect(error.message).toContain(`extension "${ID}" ("${REF}")`);
    expect(at.store.asked).toHaveLength(1);
    expect(await namesIn(at.site)).toEqual([]);
  });

  test('that is not there is not found', async () => {
    await using at = await siteOfStore();
    at.store.packs.clear();
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code]).toEqual(['NotFoundError', 'NOT_FOUND']);
    expect(error.message).toContain(`extension "${ID}" ("${REF}") is not at ${at.store.url}/api/v1/`);
  });

  test('is asked for again while the store is out of order, and when its bytes break off', async () => {
    await using at = await siteOfStore({ bytes: pack, failing: [503, 500], breaking: 1 });
    await expect(at.site.resolve(ID, at)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
    expect(at.store.asked).toHaveLength(4);
  });

  test('is not asked for once more than a server is asked that stays out of order', async () => {
    await using at = await siteOfStore({ bytes: pack, failing: Array.from({ length: 12 }, () => 503) });
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code]).toEqual(['RemoteError', 'UNREACHABLE']);
    // The attempts of the site's patience.
    expect(at.store.asked).toHaveLength(3);
  });

  test('that the store does not give out is a failure of the store, in the name of the extension', async () => {
    await using at = await siteOfStore({ bytes: pack, failing: [401] });
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code, error.details['extension']]).toEqual(['RemoteError', 'REMOTE_REFUSED', ID]);
    expect(error.message).toContain(`extension "${ID}" ("${REF}") cannot be fetched: GET `);
  });

  test('is asked for each time while it is not locked, as the store may have other bytes', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    at.store.packs.set('acme/http/1.0.0', { bytes: other });
    await expect(at.site.resolve(ID, at)).resolves.toMatchObject({ digest: digestOf(componentOf('other')) });
  });

  test('ends with the reason of an abort', async () => {
    await using at = await siteOfStore();
    const reason = new Error('enough');
    await expect(at.site.resolve(ID, { ...at, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a locked pack of the extension store', () => {
  const lock = [{ id: ID, ref: REF, digest: digestOf(pack) }];

  test('is downloaded once, and then nobody is asked, nor has to be named', async () => {
    await using at = await siteOfStore();
    await writeLock(at.site, lock);
    await at.site.resolve(ID, at);
    await expect(at.site.resolve(ID)).resolves.toMatchObject({ pack: { tier: 'cache' } });
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { tier: 'cache' } });
    expect(at.store.asked).toHaveLength(1);
  });

  test('is downloaded once by many at the same time', async () => {
    await using at = await siteOfStore();
    await writeLock(at.site, lock);
    const all = await Promise.all(Array.from({ length: 8 }, () => at.site.resolve(ID, at)));
    expect(new Set(all.map(({ digest }) => digest))).toEqual(new Set([digestOf(componentOf('one'))]));
    expect(at.store.asked).toHaveLength(1);
  });

  test('that the store changed is refused with both digests, and nothing of it is kept', async () => {
    await using at = await siteOfStore({ bytes: other });
    await writeLock(at.site, lock);
    const error = await failureOfAsync(() => at.site.resolve(ID, at));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    for (const said of [`"${ID}"`, `"${REF}"`, digestOf(pack), digestOf(other)]) expect(error.message).toContain(said);
    expect(await namesIn(at.site)).toEqual([]);
  });
});

describe('the packs in the cache', () => {
  test('have the names of the original resolver, and a note whose bytes they are', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    const hex = digestOf(pack).slice(7);
    const record = `ref-${digestOf(Buffer.from(REF)).slice(7)}.json`;
    const [named, sidecar] = ['acme_http_1.0.0.gtxpack', 'acme_http_1.0.0.gtxpack.json'];
    expect(await namesIn(at.site)).toEqual([named, sidecar, record, `sha256-${hex}.gtxpack`].sort());
    const read = (name: string): Promise<Buffer> => readFile(join(at.site.cache, 'ext-store', name));
    expect(await read(named)).toEqual(pack);
    expect(await read(`sha256-${hex}.gtxpack`)).toEqual(pack);
    const note = { ref: REF, digest: digestOf(pack) };
    expect(JSON.parse((await read(sidecar)).toString())).toEqual(note);
    // A reference can hold a secret: only its digest is kept.
    expect(JSON.parse((await read(record)).toString())).toEqual({ ...note, ref: digestOf(Buffer.from(REF)) });
  });

  test('serve offline what was resolved once, without a lock and without a store', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({
      digest: digestOf(componentOf('one')),
      pack: { tier: 'cache', digest: digestOf(pack) },
    });
  });

  test('do not serve offline what was never resolved: run online once', async () => {
    await using at = await siteOfStore();
    const error = await failureOfAsync(() => at.site.resolve(ID, { ...at, offline: true }));
    expect([error.name, error.code]).toEqual(['RemoteError', 'OFFLINE']);
    expect(error.message).toContain(`offline: extension "${ID}" ("${REF}")`);
    expect(error.hint).toContain('run it online once');
    expect(at.store.asked).toEqual([]);
  });

  test('are found out when somebody changed them, removed, and fetched again', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    await writeLock(at.site, [{ id: ID, ref: REF, digest: digestOf(pack) }]);
    await writeFile(cachedPath(at.site.cache, pack), other);
    await writeFile(join(at.site.cache, 'ext-store', 'acme_http_1.0.0.gtxpack'), other);
    const error = await failureOfAsync(() => at.site.resolve(ID, { offline: true }));
    expect(error.code).toBe('OFFLINE');
    expect(at.site.notices.join()).toContain('is not what its name says; it was removed');
    await expect(at.site.resolve(ID, at)).resolves.toMatchObject({ pack: { tier: 'network', digest: digestOf(pack) } });
  });

  test('count as the original resolver left them only when a lock knows their digest', async () => {
    await using at = await siteOfStore();
    await at.site.write('cache/ext-store/acme_http_1.0.0.gtxpack', pack);
    expect((await failureOfAsync(() => at.site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
    await writeLock(at.site, [{ id: ID, ref: REF, digest: digestOf(pack) }]);
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { tier: 'cache' } });
    await writeLock(at.site, [{ id: ID, ref: REF, digest: digestOf(other) }]);
    expect((await failureOfAsync(() => at.site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
  });

  test('count by their note, which has to be theirs', async () => {
    await using at = await siteOfStore();
    await at.site.write('cache/ext-store/acme_http_1.0.0.gtxpack', pack);
    const note = (ref: string, digest: string): Promise<void> =>
      at.site.write('cache/ext-store/acme_http_1.0.0.gtxpack.json', JSON.stringify({ ref, digest }));
    await note(REF, digestOf(pack));
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { digest: digestOf(pack) } });
    for (const [ref, digest] of [
      ['store://acme_http@1.0.0', digestOf(pack)],
      [REF, digestOf(other)],
      [REF, 'sha256:1'],
    ] as const) {
      await note(ref, digest);
      expect((await failureOfAsync(() => at.site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
    }
  });

  test('that are ZIPs of something else hide nothing: what was found before is found offline', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    at.store.packs.set('acme/http/1.0.0', { bytes: zipBytes([{ name: 'a', content: 'of something else' }]) });
    expect((await failureOfAsync(() => at.site.resolve(ID, at))).code).toBe('NOT_FOUND');
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { digest: digestOf(pack) } });
  });

  test('that are none hide nothing either', async () => {
    await using at = await siteOfStore();
    await at.site.resolve(ID, at);
    const kept = await namesIn(at.site);
    const page = Buffer.from('<html>Log in to this network</html>');
    at.store.packs.set('acme/http/1.0.0', { bytes: page, told: null });
    expect((await failureOfAsync(() => at.site.resolve(ID, at))).code).toBe('MALFORMED');
    expect(await namesIn(at.site)).toEqual(kept);
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { digest: digestOf(pack) } });
    // As it was kept once: by our record, while the note beside the copy still says what was there before.
    await writeFile(cachedPath(at.site.cache, page), page);
    const record = { ref: digestOf(Buffer.from(REF)), digest: digestOf(page) };
    const name = `ref-${record.ref.slice('sha256:'.length)}.json`;
    await writeFile(join(at.site.cache, 'ext-store', name), JSON.stringify(record));
    await expect(at.site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { digest: digestOf(pack) } });
  });

  test('of two references whose names collide never serve each other, and each is served offline', async () => {
    await using site = await extensionSite();
    const refs = { a: 'store://x/y@1', b: 'store://x_y@1', c: 'store://x:y@1' };
    await using store = await startExtensionStore({
      'x/y/1': { bytes: packOf('a') },
      'x_y/1': { bytes: packOf('b') },
      'x:y/1': { bytes: packOf('c') },
    });
    await declare(
      site,
      Object.entries(refs).map(([id, ref]) => ({ id, ref })),
    );
    const env = { TOOLCRIB_STORE_URL: store.url };
    await site.resolve('a', { env });
    expect((await failureOfAsync(() => site.resolve('b', { offline: true }))).code).toBe('OFFLINE');
    await site.resolve('b', { env });
    await site.resolve('c', { env });
    for (const id of ['a', 'b', 'c']) {
      await expect(site.resolve(id, { offline: true })).resolves.toMatchObject({ digest: digestOf(componentOf(id)) });
    }
    // Without what is ours alone, the last one that was written under the name is all there is.
    const records = (await namesIn(site)).filter((name) => name.startsWith('ref-'));
    for (const name of records) await rm(join(site.cache, 'ext-store', name));
    for (const id of ['a', 'b']) {
      expect((await failureOfAsync(() => site.resolve(id, { offline: true }))).code).toBe('OFFLINE');
    }
    await expect(site.resolve('c', { offline: true })).resolves.toMatchObject({ digest: digestOf(componentOf('c')) });
  });
});
