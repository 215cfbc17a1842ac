import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { declare, digestOf, packOf, writeLock } from '../../unit/extensions/pack-site.ts';
import { extensionSite } from './extension-site.ts';

const LOCK = 'pack.extensions.lock.json';
const ref = 'http.gtxpack';

async function siteOfFile() {
  const site = await extensionSite();
  await site.write(ref, packOf('one'));
  await declare(site, [{ id: 'a.http', ref }]);
  return site;
}

describe('a frozen lock with the right digest', () => {
  test.each([
    ['resolved_ref', 'other.gtxpack'],
    ['size_bytes', 5],
    ['media_type', 'text/plain'],
  ])('has to be right about %s as well', async (key, value) => {
    await using site = await siteOfFile();
    await site.lock();
    const text = await readFile(join(site.folder, LOCK), 'utf8');
    const { extensions } = JSON.parse(text) as { readonly extensions: readonly object[] };
    await site.write(LOCK, JSON.stringify({ version: 1, extensions: [{ ...extensions[0], [key]: value }] }));
    const error = await failureOfAsync(() => site.lock({ frozen: true }));
    expect([error.name, error.code]).toEqual(['UsageError', 'LOCK_OUTDATED']);
    for (const said of ['"a.http"', key, JSON.stringify(value)]) expect(error.message).toContain(said);
    await site.lock();
    expect(await readFile(join(site.folder, LOCK), 'utf8')).toBe(text);
  });

  test('need not say how large the pack is', async () => {
    await using site = await siteOfFile();
    await writeLock(site, [{ id: 'a.http', ref, digest: digestOf(packOf('one')) }]);
    await expect(site.lock({ frozen: true })).resolves.toMatchObject({ changed: false });
  });
});
