import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readTree } from '../../../src/tar/tree.ts';
import { membersOf, tarOf } from './bytes.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'toolcrib-tree-'))));
afterEach(() => rm(folder, { recursive: true }));

test('a directory on disk becomes a tar without following links', async () => {
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/tool'), 'content');
  await chmod(join(folder, 'bin/tool'), 0o755);
  await chmod(join(folder, 'bin'), 0o700);
  await symlink('/etc', join(folder, 'etc'));
  expect(await membersOf(await tarOf(await readTree(folder)))).toMatchObject([
    { path: 'bin', kind: 'directory', mode: 0o700 },
    { path: 'bin/tool', kind: 'file', mode: 0o755, content: Buffer.from('content') },
    { path: 'etc', kind: 'link', linkTarget: '/etc' },
  ]);
});

test('a socket is refused, naming it', async () => {
  const server = createServer().listen(join(folder, 'socket'));
  await once(server, 'listening');
  await expect(readTree(folder)).rejects.toThrow(/socket is neither a file/);
  server.close();
});

test('a file that was replaced after it was examined is refused', async () => {
  await writeFile(join(folder, 'a'), 'one');
  const entries = await readTree(folder);
  await writeFile(join(folder, 'b'), 'two');
  await rename(join(folder, 'b'), join(folder, 'a'));
  await expect(tarOf(entries)).rejects.toMatchObject({ code: 'STORAGE' });
});

test('a pipe in place of a file that was examined is refused, and not waited for', async () => {
  await writeFile(join(folder, 'a'), 'one');
  const entries = await readTree(folder);
  await rm(join(folder, 'a'));
  await promisify(execFile)('mkfifo', [join(folder, 'a')]);
  await expect(tarOf(entries)).rejects.toMatchObject({ code: 'STORAGE' });
});

test('a missing directory is named', async () => {
  await expect(readTree(join(folder, 'none'))).rejects.toThrow(/cannot read .*none/);
});
