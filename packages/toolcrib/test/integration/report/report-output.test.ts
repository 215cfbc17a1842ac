import { lstat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { toolcrib } from '../cli/command-line.ts';

test('a report takes the place of a file alone, which is said before the archive is read', async () => {
  await using site = await scratchProject();
  const path = join(site.folder, 'link.html');
  await symlink('/dev/null', path);
  const { code, stderr } = await toolcrib(['archive', 'report', 'none.tar.gz', '-o', path], { cwd: site.folder });
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${path} is a symbolic link`)]);
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
});
