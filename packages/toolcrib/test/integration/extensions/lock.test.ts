import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { addExtension, type AddExtensionRequest } from '../../../src/flows/add-extension.ts';
import { openProject } from '../../../src/flows/project.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { zipBytes } from '../../unit/extensions/pack/zip-bytes.ts';
import { extensionSite, type ExtensionSite } from './extension-site.ts';
import { startExtensionStore } from './extension-store.ts';
import { pushWithSkopeo } from './oci-layout.ts';

const one = packOf('one');
const misdescribed = zipBytes([{ name: 'describe.json', content: '{"contributions":{"tools":{}}}' }]);
const two = packOf('two');

async function siteOfStore() {
  const site = await extensionSite();
  const store = await startExtensionStore({ 'acme/http/1.0.0': { bytes: one }, 'acme/http/2.0.0': { bytes: two } });
  await site.write('local.gtxpack', two);
  const env = { TOOLCRIB_STORE_URL: store.url };
  return {
    ...site,
    store,
    env,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

const both = [
  { id: 'b.http', ref: 'store://acme/http@1.0.0' },
  { id: 'a.local', ref: 'local.gtxpack', role: 'tool' },
];
const textOf = (site: ExtensionSite, name: string): Promise<string> => readFile(join(site.folder, name), 'utf8');
const lockText = (site: ExtensionSite): Promise<string> => textOf(site, 'pack.extensions.lock.json');

describe('a lock', () => {
  test('pins every extension, by id, in the same bytes each time', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await expect(site.lock(site)).resolves.toMatchObject({
      file: join(site.folder, 'pack.extensions.lock.json'),
      changed: true,
    });
    const text = await lockText(site);
    expect(JSON.parse(text)).toEqual({
      version: 1,
      extensions: [
        {
          id: 'a.local',
          role: 'tool',
          source_ref: 'local.gtxpack',
          resolved_ref: 'local.gtxpack',
          digest: digestOf(two),
          size_bytes: two.byteLength,
        },
        {
          id: 'b.http',
          role: 'component',
          source_ref: 'store://acme/http@1.0.0',
          resolved_ref: 'store://acme/http@1.0.0',
          digest: digestOf(one),
          size_bytes: one.byteLength,
        },
      ],
    });
    await declare(site, both.toReversed());
    await expect(site.lock(site)).resolves.toMatchObject({ changed: false });
    await rm(join(site.folder, 'pack.extensions.lock.json'));
    await site.lock(site);
    expect(await lockText(site)).toBe(text);
  });

  test('follows what is declared, and files and servers that changed', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    await site.write('local.gtxpack', one);
    await declare(site, [
      { id: 'b.http', ref: 'store://acme/http@2.0.0' },
      ...both.slice(1),
      { id: 'c', ref: 'local.gtxpack' },
    ]);
    const { extensions, moved } = await site.lock(site);
    expect(extensions.map(({ id, digest }) => [id, digest])).toEqual([
      ['a.local', digestOf(one)],
      ['b.http', digestOf(two)],
      ['c', digestOf(one)],
    ]);
    expect(moved).toEqual([
      { id: 'a.local', from: digestOf(two), to: digestOf(one) },
      { id: 'b.http', from: digestOf(one), to: digestOf(two) },
    ]);
    await expect(site.lock(site)).resolves.toMatchObject({ changed: false, moved: [] });
  });

  test('never takes other bytes under a version of a store that was locked', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    const text = await lockText(site);
    site.store.packs.set('acme/http/1.0.0', { bytes: two });
    const error = await failureOfAsync(() => site.lock(site));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    for (const said of ['"b.http"', 'store://acme/http@1.0.0', digestOf(one), digestOf(two)]) {
      expect(error.message).toContain(said);
    }
    expect(error).toMatchObject({
      hint: expect.stringMatching(/take every entry .* out of pack\.extensions\.lock\.json first/) as unknown,
    });
    expect(await lockText(site)).toBe(text);
  });

  test('holds a version of a store for every extension and role', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    const text = await lockText(site);
    site.store.packs.set('acme/http/1.0.0', { bytes: two });
    const ref = 'store://acme/http@1.0.0';
    for (const other of [
      { id: 'b.http', ref, role: 'tool' },
      { id: 'other', ref },
    ]) {
      await declare(site, [other, ...both.slice(1)]);
      expect((await failureOfAsync(() => site.lock(site))).code).toBe('DIGEST_MISMATCH');
      const request = { id: 'c', reference: ref, role: 'tool' };
      expect((await failureOfAsync(() => add(site, request, site.env))).code).toBe('DIGEST_MISMATCH');
    }
    expect(await lockText(site)).toBe(text);
  });

  test('that has two digests for a version of a store is not believed', async () => {
    await using site = await siteOfStore();
    const ref = 'store://acme/http@1.0.0';
    await writeLock(site, [
      { id: 'a', ref, digest: digestOf(one) },
      { id: 'b', ref, digest: digestOf(two) },
    ]);
    await declare(site, [{ id: 'b', ref }]);
    const error = await failureOfAsync(() => site.lock(site));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    expect(error.message).toContain(`pins two digests for it, ${digestOf(one)} and ${digestOf(two)}`);
  });

  test.each([
    ['of another version', '{"version": 7}'],
    ['with the marks of a merge', '<<<<<<< ours\n{}\n=======\n{}\n>>>>>>> theirs\n'],
  ])('that cannot be read is left alone, because nobody knows what it pins: %s', async (_, text) => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.write('pack.extensions.lock.json', text);
    for (const change of [() => site.lock(site), () => add(site, { id: 'c', reference: 'local.gtxpack' }, site.env)]) {
      const error = await failureOfAsync(change);
      expect([error.name, error.code]).toEqual(['UsageError', 'CONFIG_INVALID']);
      expect(error).toMatchObject({ hint: expect.stringContaining('restore it; or delete it') as unknown });
    }
    expect(await lockText(site)).toBe(text);
    expect(await textOf(site, 'pack.extensions.json')).not.toContain('"c"');
  });

  test('is not written for a pack that is not sound', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    for (const unsound of [two.subarray(1), zipBytes([{ name: 'a', content: 'of something else' }]), misdescribed]) {
      await site.write('local.gtxpack', unsound);
      expect((await failureOfAsync(() => site.lock(site))).code).toBe('MALFORMED');
      expect((await failureOfAsync(() => add(site, { id: 'c', reference: 'local.gtxpack' }))).code).toBe('MALFORMED');
    }
    await expect(lockText(site)).rejects.toThrow('ENOENT');
  });

  test('may be of a pack that has tools and no component', async () => {
    await using site = await siteOfStore();
    await site.write('local.gtxpack', zipBytes([{ name: 'describe.json', content: '{}' }]));
    await declare(site, both.slice(1));
    await expect(site.lock(site)).resolves.toMatchObject({ changed: true });
  });

  test('needs something that is declared', async () => {
    await using site = await extensionSite();
    for (const frozen of [true, false]) {
      expect((await failureOfAsync(() => site.lock({ frozen }))).message).toContain('there is no pack.extensions.json');
    }
  });
});

describe('a frozen lock', () => {
  test('is fine when everything is as it was', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    const text = await lockText(site);
    await expect(site.lock({ ...site, frozen: true })).resolves.toMatchObject({ changed: false, extensions: [{}, {}] });
    expect(await lockText(site)).toBe(text);
  });

  test('has to be there, and to agree with what is declared', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    const none = await failureOfAsync(() => site.lock({ ...site, frozen: true }));
    expect([none.name, none.code]).toEqual(['UsageError', 'LOCK_OUTDATED']);
    await site.lock(site);
    await declare(site, [...both, { id: 'c', ref: 'local.gtxpack' }]);
    const error = await failureOfAsync(() => site.lock({ ...site, frozen: true }));
    expect([error.code, error.message]).toEqual(['LOCK_OUTDATED', expect.stringContaining('"c"')]);
  });

  test('asks the store, whatever the cache has, and takes no other bytes', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    site.store.packs.set('acme/http/1.0.0', { bytes: two });
    await expect(site.resolve('b.http', site)).resolves.toMatchObject({ pack: { tier: 'cache' } });
    const error = await failureOfAsync(() => site.lock({ ...site, frozen: true }));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    await expect(site.lock({ ...site, frozen: true, offline: true })).resolves.toMatchObject({ changed: false });
  });

  test('says that nobody was asked where only the cache was', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    await expect(site.lock({ ...site, frozen: true })).resolves.toMatchObject({ asked: true });
    for (const frozen of [true, false]) {
      await expect(site.lock({ frozen, offline: true })).resolves.toMatchObject({ asked: false, changed: false });
    }
    await declare(site, both.slice(1));
    await expect(site.lock({ offline: true })).resolves.toMatchObject({ asked: true });
  });
});

async function add(site: ExtensionSite, request: AddExtensionRequest, env: Readonly<Record<string, string>> = {}) {
  const host = site.host({ env });
  return await addExtension(await openProject(host), host, request);
}

describe('adding an extension', () => {
  test('declares it, allows the version of a store, and locks it', async () => {
    await using site = await siteOfStore();
    const request = { id: 'b.http', reference: 'store://acme/http@1.0.0' };
    const added = await add(site, request, site.env);
    expect(added).toMatchObject({ replaced: null, declared: { kind: 'store', allowTags: true, role: 'component' } });
    expect(JSON.parse(await textOf(site, 'pack.extensions.json'))).toEqual({
      version: 1,
      extensions: [
        {
          id: 'b.http',
          role: 'component',
          source: { kind: 'store', ref: 'store://acme/http@1.0.0', allow_tags: true },
        },
      ],
    });
    expect(await lockText(site)).toContain(digestOf(one));
    await expect(site.lock({ ...site, frozen: true })).resolves.toMatchObject({ changed: false });
  });

  test('takes the place of what had that id, and keeps the locks of the others without asking', async () => {
    await using site = await siteOfStore();
    await declare(site, both);
    await site.lock(site);
    const asked = site.store.asked.length;
    const added = await add(site, { id: 'b.http', reference: 'store://acme/http@2.0.0', role: 'tool' }, site.env);
    expect(added).toMatchObject({ replaced: 'store://acme/http@1.0.0', locked: { digest: digestOf(two) } });
    await add(site, { id: 'c', reference: 'local.gtxpack' });
    expect(site.store.asked.length).toBe(asked + 1);
    await expect(site.lock({ ...site, frozen: true })).resolves.toMatchObject({
      extensions: [{}, { role: 'tool' }, {}],
    });
  });

  test.each([
    [{ id: ' ', reference: 'local.gtxpack' }, 'USAGE'],
    [{ id: 'a#b', reference: 'local.gtxpack' }, 'USAGE'],
    [{ id: 'a', reference: 'local.gtxpack', role: '' }, 'USAGE'],
    [{ id: 'a', reference: 'ftp://x' }, 'REFERENCE_INVALID'],
    [{ id: 'a', reference: 'store://x' }, 'REFERENCE_INVALID'],
    [{ id: 'a', reference: 'absent.gtxpack' }, 'NOT_FOUND'],
    [{ id: 'a', reference: 'store://acme/http@9' }, 'NOT_FOUND'],
    [{ id: 'a', reference: 'pack.extensions.json' }, 'MALFORMED'],
  ])('changes nothing for %j', async (request, code) => {
    await using site = await siteOfStore();
    await declare(site, both);
    const text = await textOf(site, 'pack.extensions.json');
    expect((await failureOfAsync(() => add(site, request, site.env))).code).toBe(code);
    expect(await textOf(site, 'pack.extensions.json')).toBe(text);
    await expect(lockText(site)).rejects.toThrow('ENOENT');
  });
});

test('a file that is not there is told with where a path begins, or how a file is written', async () => {
  await using site = await siteOfStore();
  const hintOf = async (reference: string) => (await failureOfAsync(() => add(site, { id: 'a', reference }))).hint;
  expect(await hintOf('absent.gtxpack')).toBe(`check the path; one that is relative begins in ${site.folder}`);
  expect(await hintOf('file:local.gtxpack')).toBe('write the path alone, or file:// and the path');
});

describe('adding an extension of a registry', requireOrSkip(await registryAvailable()), () => {
  test('pins the digest of its tag, or keeps the tag where that is wanted', async () => {
    await using registry = await startRegistry();
    await using site = await extensionSite();
    const name = `${registry.host}/team/http`;
    const digest = await pushWithSkopeo({ layers: [{ bytes: one }] }, `${name}:1.0`);
    const reference = `oci://${name}:1.0`;
    const pinned = await add(site, { id: 'a', reference });
    expect(pinned.declared).toMatchObject({ reference: `oci://${name}@${digest}`, allowTags: false });
    const tagged = await add(site, { id: 'b', reference, allowTags: true });
    expect(tagged).toMatchObject({
      declared: { reference, allowTags: true },
      locked: { sourceRef: reference, resolvedRef: `oci://${name}@${digest}`, digest },
    });
    await expect(site.lock({ frozen: true })).resolves.toMatchObject({ changed: false });
    // A tag is there to be moved: the next lock follows it, and a frozen one does not care.
    const moved = await pushWithSkopeo({ layers: [{ bytes: two }] }, `${name}:1.0`);
    await expect(site.lock({ frozen: true })).resolves.toMatchObject({ changed: false });
    const { extensions } = await site.lock();
    expect(extensions.map((lock) => lock.digest)).toEqual([digest, moved]);
  });
});
