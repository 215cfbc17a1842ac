import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { withScratch } from '../../../src/build/scratch.ts';
import { layoutOf } from '../../../src/cache/layout.ts';
import { removeMounts } from '../../../src/cache/mounts.ts';
import { removeUnfinished } from '../../../src/cache/trees.ts';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { writeTreeOnHost } from '../../../src/inject/tree-on-host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { artifactOf } from '../../unit/inject/tree-artifact.ts';

const DEAD = formatIdentity({ ...ownIdentity(), pid: 2 ** 22 + 1 });
/** So many that another process sees the first one go long before the last. */
const FILES = Array.from({ length: 1500 }, (_, index) => `file-${index}`);

/** Where each of the removals finds a tree in a cache, and how it is started. */
const REMOVALS: Readonly<Record<string, (cache: string) => { tree: string; remove: () => Promise<unknown> }>> = {
  'the trees that sandboxes were made with': (cache) => ({
    tree: join(cache, 'v1/mounts/a-tree'),
    remove: () => removeMounts(layoutOf(cache), { dryRun: false, isTree: () => true }),
  }),
  'what is left of a tree': (cache) => {
    const tree = join(cache, 'v1/trees', '0'.repeat(64), '.removed-tree');
    return { tree, remove: () => removeUnfinished(layoutOf(cache), tree) };
  },
  'what a killed build left': (cache) => ({
    tree: join(cache, `.toolcrib-build-${DEAD}-abcdef`),
    remove: () => withScratch(cache, () => Promise.resolve()),
  }),
  'what a killed process left beside a tree': (cache) => ({
    tree: join(cache, `.toolcrib-${DEAD}-0123456789abcdef.part`),
    // The tree that it would write is in the way, so that it writes none.
    remove: async () => writeTreeOnHost(await artifactOf(), join(cache, 'full'), { signal: undefined, advance() {} }),
  }),
};

const notLinux = process.platform === 'linux' ? undefined : 'only Linux names files by an open directory';

describe('who exchanges a directory for a link', requireOrSkip(notLinux), () => {
  test.each(Object.keys(REMOVALS))('in the middle of the removal of %s leads it nowhere else', async (what) => {
    await using scratch = await createScratch();
    const [cache, victim] = [join(scratch.path, 'cache'), join(scratch.path, 'victim')];
    const aside = join(scratch.path, 'aside');
    const { tree, remove } = REMOVALS[what]?.(cache) ?? expect.fail();
    const deep = join(tree, 'deep');
    await mkdir(join(cache, 'full/of'), { recursive: true });
    await fill(victim);
    // Another process may be too late.
    for (let attempt = 0; attempt < 5 && !existsSync(aside); attempt++) {
      await fill(deep);
      const exchanging = spawn(process.execPath, ['--eval', EXCHANGE, deep, aside, victim], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(exchanging, 'close');
      await once(exchanging.stdout, 'data');
      await remove().catch(() => undefined);
      exchanging.kill('SIGKILL');
      await ended;
    }
    expect(existsSync(aside)).toBe(true);
    expect(await readdir(victim)).toHaveLength(FILES.length);
  });
});

async function fill(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  for (const name of FILES) await writeFile(join(directory, name), 'precious');
}

/** What the owner of the cache could run: a link comes in the place of the directory when the first file in it is gone. */
const EXCHANGE = `const { readdirSync, renameSync, symlinkSync } = require('node:fs');
  const [deep, aside, victim] = process.argv.slice(1);
  console.log('ready');
  while (readdirSync(deep).length === ${FILES.length});
  renameSync(deep, aside);
  symlinkSync(victim, deep);`;
