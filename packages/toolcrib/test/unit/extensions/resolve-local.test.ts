import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveLocalComponent } from '../../../src/ext-local.ts';
import { scratchProject } from '../cli/scratch-project.ts';
import { failureOfAsync } from '../core/failure.ts';
import { componentOf, declare, digestOf, packOf, writeLock } from './pack-site.ts';
import { packBytesOf, sidecarEntry, zipBytes } from './pack/zip-bytes.ts';

const component = componentOf('hello');
const pack = packOf('hello');
const REFERENCE = 'ext://acme.http#component';

async function siteWith(bytes: Uint8Array = pack, ref = 'http.gtxpack') {
  const site = await scratchProject();
  await site.write('http.gtxpack', bytes);
  await declare(site, [{ id: 'acme.http', ref }]);
  return site;
}

describe('an extension that is a file', () => {
  test.each([
    ['a path relative to the pack', () => 'http.gtxpack'],
    ['an absolute path', (folder: string) => join(folder, 'http.gtxpack')],
    ['a file:// reference', (folder: string) => `file://${folder}/http.gtxpack`],
  ])('is resolved from %s to its bytes and their digest', async (_, ref) => {
    await using site = await siteWith();
    await declare(site, [{ id: 'acme.http', ref: ref(site.folder) }]);
    const { bytes, ...resolved } = await resolveLocalComponent(site.folder, REFERENCE);
    expect(Buffer.from(bytes)).toEqual(component);
    expect(resolved).toEqual({
      extensionId: 'acme.http',
      sourceRef: ref(site.folder),
      digest: digestOf(component),
      asset: 'component.wasm',
      pack: {
        digest: digestOf(pack),
        size: pack.byteLength,
        tier: 'file',
        where: join(site.folder, 'http.gtxpack'),
      },
    });
  });

  test('has to be what a lock says, where there is one', async () => {
    await using site = await siteWith();
    await writeLock(site, [{ id: 'acme.http', ref: 'http.gtxpack', digest: digestOf(pack) }]);
    await expect(resolveLocalComponent(site.folder, REFERENCE, { frozen: true })).resolves.toMatchObject({});
    await site.write('http.gtxpack', packOf('other'));
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
    expect([error.name, error.code]).toEqual(['IntegrityError', 'DIGEST_MISMATCH']);
    for (const said of ['"acme.http"', '"http.gtxpack"', digestOf(pack), digestOf(packOf('other'))]) {
      expect(error.message).toContain(said);
    }
  });

  test('needs a lock when it is frozen', async () => {
    await using site = await siteWith();
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE, { frozen: true }));
    expect([error.name, error.code]).toEqual(['UsageError', 'LOCK_OUTDATED']);
  });

  test('is not looked for while the lock disagrees with what is declared', async () => {
    await using site = await siteWith();
    await writeLock(site, [{ id: 'acme.http', ref: 'other.gtxpack', digest: digestOf(pack) }]);
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
    expect([error.code, error.message]).toEqual(['LOCK_OUTDATED', expect.stringContaining('"other.gtxpack"')]);
  });

  test('has to be declared', async () => {
    await using site = await siteWith();
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, 'ext://acme.other#component'));
    expect([error.name, error.code]).toEqual(['NotFoundError', 'NOT_FOUND']);
    expect(error.message).toContain('"acme.other" is not declared in ');
    await rm(join(site.folder, 'pack.extensions.json'));
    const none = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
    expect([none.name, none.message]).toEqual(['NotFoundError', `there is no pack.extensions.json in ${site.folder}`]);
  });

  test('has to be there', async () => {
    await using site = await siteWith();
    await rm(join(site.folder, 'http.gtxpack'));
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
    expect([error.name, error.message]).toEqual([
      'NotFoundError',
      `extension "acme.http" ("http.gtxpack") is not at ${join(site.folder, 'http.gtxpack')}`,
    ]);
  });

  test.each(['store://http@1.0.0', 'https://example.com/a.gtxpack', `oci://ghcr.io/a@${digestOf(pack)}`, 'repo://a:1'])(
    'is not %s, which takes a network',
    async (ref) => {
      await using site = await siteWith(pack, ref);
      const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
      expect([error.name, error.code]).toEqual(['UsageError', 'USAGE']);
      for (const said of ['"acme.http"', JSON.stringify(ref), 'only file:// and paths'])
        expect(error.message).toContain(said);
      expect(error.hint).toContain('toolcrib ext resolve');
    },
  );

  test.each([
    ['no ZIP', Buffer.from('no zip'), 'IntegrityError', 'it is not a ZIP'],
    [
      'one without component.json',
      zipBytes([{ name: 'describe.json', content: '{}' }]),
      'NotFoundError',
      'has no component.json',
    ],
    ['one without its asset', zipBytes([sidecarEntry(component)]), 'NotFoundError', 'has no "component.wasm"'],
    [
      'one with another digest',
      packBytesOf(component, [], digestOf(Buffer.from('x'))),
      'IntegrityError',
      digestOf(component),
    ],
  ])('is not %s, and the extension is named', async (_, bytes, name, what) => {
    await using site = await siteWith(bytes);
    const error = await failureOfAsync(() => resolveLocalComponent(site.folder, REFERENCE));
    expect([error.name, error.message]).toEqual([name, expect.stringContaining(what)]);
    expect(error.message).toContain('"acme.http"');
  });

  test('is not read after an abort', async () => {
    await using site = await siteWith();
    const reason = new Error('enough');
    await expect(resolveLocalComponent(site.folder, REFERENCE, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
  });
});
