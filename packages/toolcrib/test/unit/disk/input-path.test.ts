import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyInput } from '../../../src/disk/input-path.ts';
import { failureOfAsync } from '../core/failure.ts';
import { createScratch } from './scratch.ts';

test.each([
  ['none', 'file', 'NOT_FOUND', 'is not there', /relative/],
  ['file/below', 'directory', 'NOT_FOUND', 'is not there', /relative/],
  ['folder', 'file', 'USAGE', 'is a directory, and a file is needed', /the file itself/],
  ['file', 'directory', 'USAGE', 'is a file, and a directory is needed', /the directory that it stands in/],
] as const)('of an input %s that shall be a %s it is said what to do', async (name, kind, code, what, hint) => {
  await using scratch = await createScratch();
  await writeFile(join(scratch.path, 'file'), '');
  await mkdir(join(scratch.path, 'folder'));
  const error = await failureOfAsync(() => verifyInput(join(scratch.path, name), kind));
  expect([error.code, error.message]).toEqual([code, `${join(scratch.path, name)} ${what}`]);
  expect(error.hint).toMatch(hint);
});
