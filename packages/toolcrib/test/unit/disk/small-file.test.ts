import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readSmallFile } from '../../../src/disk/small-file.ts';
import { createScratch } from './scratch.ts';

test('a file that just fits is read whole, one byte more is refused', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await writeFile(path, '12345');
  expect(Buffer.from(await readSmallFile(path, 5)).toString()).toBe('12345');
  await expect(readSmallFile(path, 4)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  await expect(readSmallFile(join(scratch.path, 'none'), 4)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('a file of the system that says it is empty and is not is refused', async () => {
  // Files of /proc have size 0.
  await expect(readSmallFile('/proc/self/status', 1000)).rejects.toMatchObject({ code: 'TOO_LARGE' });
});
