import { renameSync, symlinkSync } from 'node:fs';
import { mkdir, readdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { removeMounts } from '../../../src/cache/mounts.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from '../disk/scratch.ts';

const isTree = (name: string) => /^[ab]-v1-/.test(name);

test('trees that sandboxes were made with go with the bytes that are told before', async () => {
  await using scratch = await createScratch();
  const layout = layoutOf(scratch.path);
  const [first, second] = ['a-v1-0123456789ab-0123456789abcdef', 'b-v1-0123456789ab-0123456789abcdef'].map((name) =>
    join(layout.mounts, name),
  );
  expect(await removeMounts(layout, { dryRun: false, isTree })).toEqual({ paths: [], bytes: 0 });
  for (const tree of [first, second]) {
    await mkdir(join(tree ?? '', 'bin'), { recursive: true });
    await writeFile(join(tree ?? '', 'bin/tool'), 'x'.repeat(1000));
  }
  const told = { paths: [first, second], bytes: 2000 };
  expect(await removeMounts(layout, { dryRun: true, isTree })).toEqual(told);
  expect(await readdir(layout.mounts)).toHaveLength(2);
  expect(await removeMounts(layout, { dryRun: false, isTree })).toEqual(told);
  expect(await readdir(layout.mounts)).toEqual([]);
});

test('nothing goes but directories that are called as trees are, and nothing where a link leads', async () => {
  await using scratch = await createScratch();
  const [layout, other] = [layoutOf(join(scratch.path, 'cache')), layoutOf(join(scratch.path, 'other'))];
  await mkdir(join(other.mounts, 'a-v1-tree/bin'), { recursive: true });
  await mkdir(layout.root, { recursive: true });
  await symlink(other.mounts, layout.mounts);
  const nothing = { paths: [], bytes: 0 };
  expect(await removeMounts(layout, { dryRun: false, isTree })).toEqual(nothing);
  await unlink(layout.mounts);
  await mkdir(join(layout.mounts, 'mine'), { recursive: true });
  await writeFile(join(layout.mounts, 'a-v1-file'), 'mine');
  await symlink(join(other.mounts, 'a-v1-tree'), join(layout.mounts, 'a-v1-link'));
  expect(await removeMounts(layout, { dryRun: false, isTree })).toEqual(nothing);
  expect(await readdir(layout.mounts)).toEqual(['a-v1-file', 'a-v1-link', 'mine']);
  expect(await readdir(join(other.mounts, 'a-v1-tree'))).toEqual(['bin']);
});

const notLinux = process.platform === 'linux' ? undefined : 'only Linux names files by an open directory';

test('nothing goes where a link leads that came after the trees were found', requireOrSkip(notLinux), async () => {
  await using scratch = await createScratch();
  const [layout, victim] = [layoutOf(join(scratch.path, 'cache')), join(scratch.path, 'victim')];
  for (const mounts of [layout.mounts, victim]) await mkdir(join(mounts, 'a-v1-tree/bin'), { recursive: true });
  const isTreeFound = (name: string) => {
    renameSync(layout.mounts, join(layout.root, 'aside'));
    symlinkSync(victim, layout.mounts);
    return isTree(name);
  };
  await expect(removeMounts(layout, { dryRun: false, isTree: isTreeFound })).rejects.toMatchObject({ code: 'STORAGE' });
  expect(await readdir(join(victim, 'a-v1-tree'))).toEqual(['bin']);
});
