import { mkdir, readdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { removeTree, removeUnfinished, treesOfArtifact } from '../../../src/cache/trees.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from '../disk/scratch.ts';

const digest = `sha256:${'0123456789ab'.padEnd(64, '0')}` as const;
const TREE = 'tool-v1-0123456789ab-0123456789abcdef';

test('a tree goes with the directory of its artifact, unless another one is there', async () => {
  await using scratch = await createScratch();
  const layout = layoutOf(scratch.path);
  const [tree, other] = [TREE, `other-${TREE}`].map((name) => join(treesOfArtifact(layout, digest), name));
  for (const path of [tree, other]) await mkdir(join(path ?? '', 'bin'), { recursive: true });
  expect(await removeTree(layout, tree ?? '')).toBe(true);
  expect(await readdir(treesOfArtifact(layout, digest))).toEqual([`other-${TREE}`]);
  expect(await removeTree(layout, tree ?? '')).toBe(false);
  expect(await removeTree(layout, other ?? '')).toBe(true);
  expect(await readdir(layout.trees)).toEqual([]);
  expect(await removeTree(layout, other ?? '')).toBe(false);
});

const notLinux = process.platform === 'linux' ? undefined : 'only Linux names files by an open directory';

test(
  'no tree is removed, and none renamed, where a link leads that came after it was found',
  requireOrSkip(notLinux),
  async () => {
    await using scratch = await createScratch();
    const [layout, victim] = [layoutOf(join(scratch.path, 'cache')), join(scratch.path, 'victim')];
    await mkdir(join(victim, TREE, 'bin'), { recursive: true });
    for (const link of [treesOfArtifact(layout, digest), layout.trees, layout.root]) {
      await mkdir(dirname(link), { recursive: true });
      await symlink(victim, link);
      const path = join(link, TREE);
      await expect(removeTree(layout, path)).rejects.toMatchObject({ code: 'STORAGE' });
      await expect(removeUnfinished(layout, path)).rejects.toMatchObject({ code: 'STORAGE' });
      expect(await readdir(join(victim, TREE))).toEqual(['bin']);
      await rm(layout.directory, { recursive: true });
    }
  },
);
