import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { removeMounts } from '../../../src/cache/mounts.ts';
import { createScratch } from '../disk/scratch.ts';

test('trees that sandboxes were made with go with the bytes that are told before', async () => {
  await using scratch = await createScratch();
  const layout = layoutOf(scratch.path);
  const [first, second] = ['a-v1', 'b-v1'].map((name) => join(layout.mounts, name));
  expect(await removeMounts(layout, { dryRun: false })).toEqual({ paths: [], bytes: 0 });
  for (const tree of [first, second]) {
    await mkdir(join(tree ?? '', 'bin'), { recursive: true });
    await writeFile(join(tree ?? '', 'bin/tool'), 'x'.repeat(1000));
  }
  const told = { paths: [first, second], bytes: 2000 };
  expect(await removeMounts(layout, { dryRun: true })).toEqual(told);
  expect(await readdir(layout.mounts)).toHaveLength(2);
  expect(await removeMounts(layout, { dryRun: false })).toEqual(told);
  expect(await readdir(layout.mounts)).toEqual([]);
});
