import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manifestPath, namedPackPath, packPath, recordPath, sidecarPath } from '../../../src/cache/ext-store.ts';
import { layoutOf } from '../../../src/cache/layout.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { openTestCache } from '../../unit/cache/open-test-cache.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const DAY = 24 * 3600 * 1000;
const MANY = 500;
/** Reading each note again for each of them takes ten times as long. */
const MOST_MS = 8000;

test(
  `${MANY} packs with copies, notes, records and manifests are collected in a moment`,
  { timeout: 60_000 },
  async () => {
    await using scratch = await createScratch();
    const layout = layoutOf(scratch.path);
    await mkdir(layout.extStore, { recursive: true });
    const then = new Date(Date.now() - 2 * DAY);
    for (let n = 0; n < MANY; n += 1) {
      const [bytes, store] = [`PK\x03\x04 ${n}`, { name: `pack-${n}`, version: '1' }];
      const [digest, ref] = [digestOf(bytes), `store://pack-${n}@1`];
      const manifest = JSON.stringify({ layers: [{ digest }] });
      const files = [
        [packPath(layout, digest), bytes],
        [namedPackPath(layout, store), bytes],
        [sidecarPath(layout, store), JSON.stringify({ ref, digest })],
        [recordPath(layout, ref), JSON.stringify({ ref: digestOf(ref), digest })],
        [manifestPath(layout, digestOf(manifest)), manifest],
      ] as const;
      for (const [path, text] of files) {
        await writeFile(path, text);
        await utimes(path, then, then);
      }
    }
    const { cache } = openTestCache(scratch.path);
    const began = performance.now();
    const { removed } = await cache.collect({ maxAgeMs: DAY });
    const took = performance.now() - began;
    expect(removed.map(({ kind }) => kind).sort()).toEqual([
      ...Array<string>(MANY).fill('pack'),
      ...Array<string>(2 * MANY).fill('pointer'),
    ]);
    expect(await readdir(join(scratch.path, 'ext-store'))).toEqual([]);
    expect(took).toBeLessThan(MOST_MS);
  },
);
