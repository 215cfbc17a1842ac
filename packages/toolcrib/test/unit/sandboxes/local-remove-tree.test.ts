import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { SandboxRemover } from '../../../src/sandboxes/sandbox.ts';
import { createScratch } from '../disk/scratch.ts';

interface Site extends AsyncDisposable {
  readonly box: string;
  readonly outside: string;
  readonly remover: SandboxRemover;
}

/** A sandbox with a tree, and a folder beside it that nothing may touch. */
async function site(): Promise<Site> {
  const scratch = await createScratch();
  const [box, outside] = [join(scratch.path, 'box'), join(scratch.path, 'outside')];
  await mkdir(join(box, 'opt/tree/deep/deeper'), { recursive: true });
  await writeFile(join(box, 'opt/tree/deep/deeper/file'), 'bytes');
  await writeFile(join(box, 'opt/tree/file'), 'bytes');
  await mkdir(outside);
  await writeFile(join(outside, 'precious'), 'precious');
  const { remover } = await openLocalSandbox(box, { env: {} });
  return {
    box,
    outside,
    remover: remover ?? expect.fail(),
    [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose](),
  };
}

describe('removing a tree from a local sandbox', () => {
  test('takes all of it, and is content when nothing is there', async () => {
    await using at = await site();
    await at.remover.removeTree('/opt/tree');
    expect(await readdir(join(at.box, 'opt'))).toEqual([]);
    await at.remover.removeTree('/opt/tree');
    await at.remover.removeTree('/not/there/at/all');
  });

  test('removes links in it, and follows none', async () => {
    await using at = await site();
    await symlink(at.outside, join(at.box, 'opt/tree/deep/link'));
    await symlink(join(at.outside, 'precious'), join(at.box, 'opt/tree/other'));
    await at.remover.removeTree('/opt/tree');
    expect(await readdir(join(at.box, 'opt'))).toEqual([]);
    expect(await readdir(at.outside)).toEqual(['precious']);
    await symlink(at.outside, join(at.box, 'opt/tree'));
    await at.remover.removeTree('/opt/tree');
    expect(await readdir(at.outside)).toEqual(['precious']);
  });

  test('refuses a path with a link on its way, with "..", and the sandbox as a whole', async () => {
    await using at = await site();
    await symlink(at.outside, join(at.box, 'link'));
    for (const path of ['/link/precious', '/../outside', '/opt/../../outside', 'opt/tree', '/']) {
      await expect(at.remover.removeTree(path), path).rejects.toMatchObject({ code: 'NOT_INJECTABLE' });
    }
    expect(await readdir(at.outside)).toEqual(['precious']);
  });

  test('removes nothing outside while directories are swapped for links', async () => {
    await using at = await site();
    const deep = join(at.box, 'opt/tree/deep');
    for (let index = 0; index < 300; index++) await writeFile(join(deep, `file-${index}`), '');
    for (let index = 0; index < 50; index++) await writeFile(join(at.outside, `file-${index}`), '');
    const removal = { isOver: false };
    const removing = at.remover
      .removeTree('/opt/tree')
      .catch(() => undefined)
      .finally(() => (removal.isOver = true));
    for (let round = 0; !removal.isOver; round++) {
      await rename(deep, `${deep}-${round}`).catch(() => undefined);
      await symlink(at.outside, deep).catch(() => undefined);
      await rename(`${deep}-${round}`, deep).catch(() => undefined);
    }
    await removing;
    expect(await readdir(at.outside)).toHaveLength(51);
  });
});
