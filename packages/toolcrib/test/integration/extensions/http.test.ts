import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startFaultyServer, type Fault } from '../../servers/http.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { cachedPath, componentOf, declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { extensionSite } from './extension-site.ts';

const ID = 'acme.http';
const pack = packOf('one');
/** What a captive portal answers, whatever was asked for. */
const LOGIN = { kind: 'status', status: 200, body: '<html>Log in to this network</html>' } as const;

async function siteOf(faults: readonly Fault[] = []) {
  const server = await startFaultyServer(
    { '/p/http.gtxpack': pack, '/p/other': packOf('other') },
    { '/p/http.gtxpack': faults },
  );
  const site = await extensionSite();
  const ref = `${server.url}/p/http.gtxpack`;
  await declare(site, [{ id: ID, ref }]);
  return {
    ...site,
    server,
    ref,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

describe('a pack of any server', () => {
  test('is fetched from its URL, and found offline after that', async () => {
    await using site = await siteOf();
    await expect(site.resolve(ID)).resolves.toMatchObject({
      digest: digestOf(componentOf('one')),
      pack: { tier: 'network', where: site.ref },
    });
    await expect(site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { tier: 'cache' } });
    await declare(site, [{ id: ID, ref: `${site.server.url}/p/other` }]);
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
  });

  test('that is locked is fetched once, and has to be what was locked', async () => {
    await using site = await siteOf([{ kind: 'wrong-bytes' }]);
    await writeLock(site, [{ id: ID, ref: site.ref, digest: digestOf(pack) }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    expect(error.message).toContain(digestOf(pack));
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
    await site.resolve(ID);
    await site.resolve(ID);
    expect(site.server.count('/p/http.gtxpack')).toBe(2);
  });

  test.each<readonly [string, readonly Fault[]]>([
    ['answers 503', [{ kind: 'status', status: 503 }]],
    ['resets the connection', [{ kind: 'reset' }]],
    ['breaks off', [{ kind: 'truncate', bytes: 20 }]],
    ['redirects', [{ kind: 'redirect', location: '/p/http.gtxpack' }]],
  ])('comes also when the server %s', async (_, faults) => {
    await using site = await siteOf(faults);
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test('is not taken by parts: a body of another length fails by itself or as no pack', async () => {
    await using site = await siteOf([{ kind: 'resize', bytes: pack.byteLength - 1 }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
    expect(error.message).toContain(`"${ID}"`);
  });

  test('that nobody reaches is a failure of the network, in the name of the extension', async () => {
    await using site = await extensionSite();
    const ref = 'http://127.0.0.1:1/a.gtxpack';
    await declare(site, [{ id: ID, ref }]);
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.code, error.message]).toEqual([
      'UNREACHABLE',
      expect.stringContaining(`extension "${ID}" ("${ref}")`),
    ]);
  });

  test('is called by its URL without the query, which may be what opens the server', async () => {
    await using site = await siteOf([{ kind: 'status', status: 404 }]);
    const ref = `${site.ref}?signature=hunter2`;
    await declare(site, [{ id: ID, ref }]);
    const errors = [
      await failureOfAsync(() => site.resolve(ID)),
      await failureOfAsync(() => site.resolve(ID, { offline: true })),
    ];
    await declare(site, [{ id: ID, ref: `${ref}#fragment` }]);
    errors.push(await failureOfAsync(() => site.resolve(ID)));
    await declare(site, [{ id: ID, ref, kind: 'oci' }]);
    errors.push(await failureOfAsync(() => site.resolve(ID)));
    await declare(site, [{ id: ID, ref }]);
    await writeLock(site, [{ id: ID, ref: site.ref, digest: digestOf(pack) }]);
    errors.push(await failureOfAsync(() => site.resolve(ID)));
    const codes = ['NOT_FOUND', 'OFFLINE', 'REFERENCE_INVALID', 'CONFIG_INVALID', 'LOCK_OUTDATED'];
    expect(errors.map(({ code }) => code)).toEqual(codes);
    for (const { message, hint, details } of errors) {
      expect(message).toContain(`"${site.ref}?…"`);
      expect(JSON.stringify([message, hint, details])).not.toContain('hunter2');
    }
    await declare(site, [{ id: ID, ref }]);
    await rm(join(site.folder, 'pack.extensions.lock.json'));
    await expect(site.resolve(ID)).resolves.toMatchObject({ digest: digestOf(componentOf('one')) });
  });

  test('stays found offline when something else answered in its place, which is not kept', async () => {
    await using site = await siteOf([{ kind: 'resize', bytes: pack.byteLength }, LOGIN]);
    await site.resolve(ID);
    const folder = join(site.cache, 'ext-store');
    const kept = (await readdir(folder)).sort();
    const error = await failureOfAsync(() => site.resolve(ID));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'MALFORMED']);
    for (const said of [`"${ID}"`, 'it is not a ZIP', site.ref]) expect(error.message).toContain(said);
    expect(error.hint).toContain('nothing of it was kept');
    expect((await readdir(folder)).sort()).toEqual(kept);
    await expect(site.resolve(ID, { offline: true })).resolves.toMatchObject({ pack: { digest: digestOf(pack) } });
  });

  test('that never was one leaves offline to run online once', async () => {
    const page = Buffer.from(LOGIN.body);
    await using site = await siteOf([LOGIN]);
    expect((await failureOfAsync(() => site.resolve(ID))).code).toBe('MALFORMED');
    expect((await failureOfAsync(() => site.resolve(ID, { offline: true }))).code).toBe('OFFLINE');
    // As it was kept once, with a record of it.
    await site.write(cachedPath('cache', page), page);
    const record = { ref: digestOf(Buffer.from(site.ref)), digest: digestOf(page) };
    await site.write(`cache/ext-store/ref-${record.ref.slice('sha256:'.length)}.json`, JSON.stringify(record));
    const error = await failureOfAsync(() => site.resolve(ID, { offline: true }));
    expect([error.code, error.hint]).toEqual(['OFFLINE', expect.stringContaining('run it online once')]);
  });

  test('over plain HTTP from elsewhere is warned of, unless it is locked', async () => {
    await using site = await siteOf();
    const ref = 'http://packs.example.com/p/http.gtxpack';
    const rewrite = [{ from: 'http://packs.example.com', to: site.server.url }];
    await site.write('toolcrib.json', JSON.stringify({ tool: 'x', targets: ['amd64'], rewrite }));
    await declare(site, [{ id: ID, ref }]);
    await site.resolve(ID);
    expect(site.notices).toEqual([
      `extension "${ID}" ("${ref}") comes over plain HTTP, and no lock says what it has to be`,
    ]);
    await writeLock(site, [{ id: ID, ref, digest: digestOf(pack) }]);
    await site.resolve(ID);
    expect(site.notices).toHaveLength(1);
  });
});
