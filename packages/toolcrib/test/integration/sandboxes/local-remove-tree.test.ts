import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { SandboxRemover } from '../../../src/sandboxes/sandbox.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

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
  test('ends with its signal, and goes on where it was ended', async () => {
    await using at = await site();
    const over = AbortSignal.abort(new Error('Ctrl-C'));
    await expect(at.remover.removeTree('/opt/tree', over)).rejects.toThrow('Ctrl-C');
    expect(await readdir(join(at.box, 'opt'))).toEqual(['tree']);
    await at.remover.removeTree('/opt/tree');
    expect(await readdir(join(at.box, 'opt'))).toEqual([]);
  });

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

  test('removes nothing outside while another process swaps a directory for a link', async () => {
    await using at = await site();
    const tree = join(at.box, 'opt/tree');
    const names = Array.from({ length: 5 }, (_, index) => `file-${index}`);
    for (const name of names) await writeFile(join(at.outside, name), '');
    const swapping = spawn(process.execPath, ['--eval', SWAP, tree, at.outside], { stdio: 'ignore' });
    try {
      for (let round = 0; round < 120; round++) {
        await mkdir(join(tree, 'deep'), { recursive: true }).catch(() => undefined);
        await at.remover.removeTree('/opt/tree').catch(() => undefined);
        expect(await readdir(at.outside)).toHaveLength(1 + names.length);
      }
    } finally {
      swapping.kill('SIGKILL');
      await once(swapping, 'close');
    }
  });
});

/** What an agent could run as the same user: `deep` is a directory and a link by turns. */
const SWAP = `const { renameSync, symlinkSync, unlinkSync } = require('node:fs');
  const [tree, outside] = process.argv.slice(1);
  const attempt = (work) => { try { work(); } catch {} };
  for (;;) {
    attempt(() => renameSync(tree + '/deep', tree + '/aside'));
    attempt(() => symlinkSync(outside, tree + '/deep'));
    attempt(() => unlinkSync(tree + '/deep'));
    attempt(() => renameSync(tree + '/aside', tree + '/deep'));
  }`;
