import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openCache } from '../../../src/cache/cache.ts';
import { layoutOf, type CacheLayout } from '../../../src/cache/layout.ts';
import { mountedTrees } from '../../../src/cache/mounted-trees.ts';
import { abandonedTrees, treesOfArtifact } from '../../../src/cache/trees.ts';
import { formatUnpackedRecord, unpackedRecordPath, UNPACKED_SCHEMA } from '../../../src/cache/unpacked-record.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const run = promisify(execFile);
const MODULE = join(import.meta.dirname, '../../../src/cache/mounted-trees.ts');
const OWN_NAMESPACES = ['--mount', '--pid', '--fork', '--mount-proc'];

const digest = `sha256:${'0123456789ab'.padEnd(64, '0')}` as const;
const examineTree = () => Promise.resolve('it is wrong');

/** Says of an artifact that nothing is in it. */
async function recordNothing(layout: CacheLayout): Promise<void> {
  const content = { tool: null, tarDigest: digest, tarSize: 0, entries: [], descriptor: null };
  await mkdir(layout.unpacked, { recursive: true });
  await writeFile(
    unpackedRecordPath(layout, digest),
    formatUnpackedRecord({ schema: UNPACKED_SCHEMA, sourceDigest: digest, ...content }),
  );
}

/** @param argv what to be in front of a process that asks whether a tree is mounted. */
async function answerBehind(argv: readonly string[], tree: string): Promise<string> {
  const script = `const { mountedTrees } = await import('${MODULE}'); console.log(await (await mountedTrees())('${tree}'));`;
  return (await run('env', [...argv, process.execPath, '--input-type=module', '--eval', script])).stdout.trim();
}

async function whyNot(): Promise<string | undefined> {
  const isFirst = (await run('readlink', ['/proc/self/ns/pid'])).stdout.trim() === 'pid:[4026531836]';
  if (!isFirst) return 'a container does not see the processes of its machine';
  return await run('unshare', [...OWN_NAMESPACES, 'true']).then(
    () => undefined,
    () => 'unshare makes no namespaces for who is not root',
  );
}

describe('whether a tree is mounted', requireOrSkip(await whyNot()), () => {
  test.each([
    ['by itself', 'mount --bind "$1" there'],
    ['by an overlay', 'mount -t overlay overlay -o lowerdir="$1":empty there'],
  ])('is seen from outside of the mount namespace where it is, %s', async (_, mount) => {
    await using scratch = await createScratch();
    const layout = layoutOf(join(scratch.path, 'à b'));
    const [folder, name] = [treesOfArtifact(layout, digest), 'tool-v1-0123456789ab-0123456789abcdef'];
    const [tree, removed] = [join(folder, name), join(folder, `.removed-${name}`)];
    for (const path of [tree, join(scratch.path, 'empty'), join(scratch.path, 'there')])
      await mkdir(path, { recursive: true });
    const script = `cd "$2" && ${mount} && echo mounted && exec cat`;
    const holder = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', tree, scratch.path], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const said: readonly unknown[] = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')]);
    expect(String(said[0])).toBe('mounted\n');
    expect(await (await mountedTrees())(tree)).toBe(true);
    await recordNothing(layout);
    const repaired = await openCache(layout.directory, { clock: systemClock }).repair({ examineTree });
    expect(repaired.find(({ path }) => path === tree)).toMatchObject({ kind: 'corrupt', outcome: 'left' });
    await rename(tree, removed);
    expect(await abandonedTrees(layout, Date.now())).toEqual([]);
    holder.stdin.end();
    await once(holder, 'exit');
    expect(await abandonedTrees(layout, Date.now())).toEqual([removed]);
    await rename(removed, tree);
    expect(await (await mountedTrees())(tree)).toBe(false);
  });

  test('is not told where another pid namespace, or a /proc that hides processes, keeps the machine from sight', async () => {
    await using scratch = await createScratch();
    expect(await answerBehind([], scratch.path)).toBe('false');
    expect(await answerBehind(['unshare', ...OWN_NAMESPACES], scratch.path)).toBe('true');
    const hidden = 'mount -t proc -o hidepid=invisible proc /proc && exec "$@"';
    const asRoot = ['unshare', '--mount', 'sh', '-c', hidden, 'sh'];
    expect(await answerBehind(asRoot, scratch.path)).toBe('false');
    const asAnother = [
      ...asRoot,
      'setpriv',
      '--inh-caps=-all',
      '--bounding-set=-all',
      '--reuid',
      '65534',
      '--clear-groups',
    ];
    expect(await answerBehind([...asAnother, '--regid', '65534'], scratch.path)).toBe('true');
  });
});
