import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('a fifo is refused, naming it', async () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  await expect(readTree(folder)).rejects.toThrow(/pipe is neither a file/);
});

test('a file that was replaced after it was examined is refused', async () => {
  await writeFile(join(folder, 'a'), 'one');
  const entries = await readTree(folder);
  await writeFile(join(folder, 'b'), 'two');
  await rename(join(folder, 'b'), join(folder, 'a'));
  await expect(tarOf(entries)).rejects.toMatchObject({ code: 'STORAGE' });
});

test('a missing directory is named', async () => {
  await expect(readTree(join(folder, 'none'))).rejects.toThrow(/cannot read .*none/);
});
