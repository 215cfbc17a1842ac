import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verifyOutputFile } from '../../../src/disk/output-file.ts';
import { failureOfAsync } from '../core/failure.ts';
import { createScratch } from './scratch.ts';

test('a file may take the place of a file, and of nothing', async () => {
  await using scratch = await createScratch();
  const path = join(scratch.path, 'file');
  await expect(verifyOutputFile(path)).resolves.toBeUndefined();
  await writeFile(path, 'old');
  await expect(verifyOutputFile(path)).resolves.toBeUndefined();
  // What is wrong with its folder, writing it tells.
  await expect(verifyOutputFile(join(path, 'below'))).resolves.toBeUndefined();
});

test('a file takes the place of nothing else, and the error says what it is', async () => {
  await using scratch = await createScratch();
  const at = (name: string): string => join(scratch.path, name);
  await mkdir(at('folder'));
  await writeFile(at('file'), '');
  await symlink(at('file'), at('link'));
  await symlink('/nowhere/at/all', at('dangling'));
  const server = createServer().listen(at('socket'));
  await once(server, 'listening');
  const kinds = {
    folder: 'a directory',
    link: 'a symbolic link',
    dangling: 'a symbolic link',
    socket: 'a socket',
    '/dev/null': 'a device',
  };
  for (const [name, kind] of Object.entries(kinds)) {
    const path = name.startsWith('/') ? name : at(name);
    const error = await failureOfAsync(() => verifyOutputFile(path));
    expect([error.name, error.code, error.details]).toEqual(['UsageError', 'USAGE', { path }]);
    expect(error.message).toBe(`${path} is ${kind}, and a file would take its place`);
  }
  expect((await readdir(scratch.path)).sort()).toEqual(['dangling', 'file', 'folder', 'link', 'socket']);
  server.close();
});
