import { renameSync, symlinkSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inDirectoryBelow, removeBelow } from '../../../src/disk/remove-below.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from './scratch.ts';

/** A root with a tree in it, and a folder beside it that nothing may touch. */
async function site() {
  const scratch = await createScratch();
  const [root, outside] = [join(scratch.path, 'root'), join(scratch.path, 'outside')];
  const tree = join(root, 'above/tree');
  await mkdir(join(tree, 'deep/deeper'), { recursive: true });
  for (const path of ['file', 'deep/one', 'deep/two', 'deep/deeper/file']) await writeFile(join(tree, path), 'bytes');
  await mkdir(outside);
  for (const name of ['one', 'two']) await writeFile(join(outside, name), 'precious');
  return { root, tree, outside, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

describe('removing below a root', () => {
  test('takes all of a tree, or a file, and is content when nothing is there', async () => {
    await using at = await site();
    await removeBelow(at.root, join(at.tree, 'file'));
    expect(await readdir(at.tree)).toEqual(['deep']);
    for (let round = 0; round < 2; round++) await removeBelow(at.root, at.tree);
    expect(await readdir(join(at.root, 'above'))).toEqual([]);
    await removeBelow(at.root, join(at.root, 'not/there/at/all'));
    await removeBelow(join(at.root, 'no-root'), join(at.root, 'no-root/tree'));
  });

  test('takes links in a tree, and follows none but that in the place of the root', async () => {
    await using at = await site();
    await symlink(at.outside, join(at.tree, 'deep/link'));
    const link = join(at.root, '../link');
    await symlink(at.root, link);
    await removeBelow(link, join(link, 'above/tree'));
    expect(await readdir(join(at.root, 'above'))).toEqual([]);
    expect(await readdir(at.outside)).toEqual(['one', 'two']);
  });

  test('of the same tree several times at once takes it, and none fails', async () => {
    await using at = await site();
    for (let index = 0; index < 200; index++) await writeFile(join(at.tree, `deep/deeper/${index}`), '');
    await Promise.all(Array.from({ length: 4 }, () => removeBelow(at.root, at.tree)));
    expect(await readdir(join(at.root, 'above'))).toEqual([]);
  });

  test('is for nothing that is beside the root', async () => {
    await using at = await site();
    await expect(removeBelow(at.root, join(at.outside, 'one'))).rejects.toThrow(TypeError);
    expect(await readdir(at.outside)).toEqual(['one', 'two']);
  });
});

const notLinux = process.platform === 'linux' ? undefined : 'only Linux names files by an open directory';

describe('who exchanges a directory for a link', requireOrSkip(notLinux), () => {
  test('on the way from the root leads nothing elsewhere', async () => {
    await using at = await site();
    await symlink(at.outside, join(at.root, 'link'));
    await expect(removeBelow(at.root, join(at.root, 'link/one'))).rejects.toMatchObject({ code: 'STORAGE' });
    const working = inDirectoryBelow(at.root, join(at.root, 'link'), () => Promise.resolve('worked'));
    await expect(working).rejects.toMatchObject({ code: 'STORAGE', details: { path: join(at.root, 'link') } });
    expect(await readdir(at.outside)).toEqual(['one', 'two']);
  });

  test('while what is in it is removed leads nothing elsewhere', async () => {
    await using at = await site();
    const { signal } = new AbortController();
    let looks = 0;
    // The first look is at the tree, the second at the first of what is in it: `deep` is open from the third on.
    signal.throwIfAborted = () => {
      if (++looks !== 3) return;
      renameSync(join(at.tree, 'deep'), join(at.root, 'aside'));
      symlinkSync(at.outside, join(at.tree, 'deep'));
    };
    await expect(removeBelow(at.root, at.tree, signal)).rejects.toMatchObject({
      message: `cannot remove ${join(at.tree, 'deep')}: ENOTDIR`,
    });
    expect(looks).toBeGreaterThan(3);
    expect(await readdir(at.outside)).toEqual(['one', 'two']);
    expect(await readdir(join(at.root, 'aside'))).toEqual([]);
  });
});
