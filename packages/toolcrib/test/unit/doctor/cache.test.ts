import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { examineCache } from '../../../src/doctor/cache-findings.ts';
import { createScratch } from '../disk/scratch.ts';

const UNWRITABLE = '/dev/null/cache';

test('a cache that cannot be written is a failure, with the two ways around it', async () => {
  const [finding, ...others] = await examineCache(UNWRITABLE, layoutOf(UNWRITABLE).placements, 0);
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    state: 'failed',
    text: expect.stringMatching(/^\/dev\/null\/cache: ENOTDIR/) as string,
    remedy: expect.stringMatching(/TOOLCRIB_CACHE_DIR, or TOOLCRIB_LEDGER_DIR/) as string,
  });
});

test('it is less than one may think, and no failure, where the ledger is elsewhere and can be written', async () => {
  await using scratch = await createScratch();
  const ledger = join(scratch.path, 'ledger');
  await mkdir(ledger);
  const [finding] = await examineCache(UNWRITABLE, ledger, 0);
  expect(finding).toMatchObject({ state: 'warning', facts: { directory: UNWRITABLE, ledger } });
  expect(finding?.text).toMatch(/what it has can be injected, because the ledger is in .*\/ledger$/);
});

test('it stays a failure where the ledger cannot be written either', async () => {
  expect(await examineCache(UNWRITABLE, '/dev/null/ledger', 0)).toMatchObject([{ state: 'failed' }]);
});
