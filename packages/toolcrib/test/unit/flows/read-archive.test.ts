import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { readArchive } from '../../../src/flows/read-archive.ts';

test.each([
  ['/dev/null', 'that is a pipe or a device'],
  [tmpdir(), 'that is a directory'],
])('%s is no archive, and what it is instead is said', async (path, what) => {
  const message = expect.stringContaining(what) as string;
  await expect(readArchive(createHost({ env: {} }), path)).rejects.toMatchObject({ code: 'NOT_FOUND', message });
});
