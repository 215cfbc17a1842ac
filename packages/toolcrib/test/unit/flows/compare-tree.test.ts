import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { layoutOf } from '../../../src/cache/layout.ts';
import { mountedTrees } from '../../../src/cache/mounted-trees.ts';
import { treesOfArtifact } from '../../../src/cache/trees.ts';
import { unpackedRecordPath } from '../../../src/cache/unpacked-record.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { compareTree } from '../../../src/flows/stored-tree.ts';
import { describeFindings } from '../../../src/report/cache-text.ts';
import { gzip, writeTar } from '../../../src/tar/write.ts';
import { contentOf, openTestCache } from '../cache/open-test-cache.ts';
import { allBytes, bytesOf, createScratch } from '../disk/scratch.ts';

const program = bytesOf(9000);
const bytes = await allBytes(gzip(writeTar([{ path: 'bin/a', kind: 'file', mode: 0o755, bytes: program }])));
const digest = digestOf(bytes);
/** Elsewhere every tree counts as mounted. */
const seesMachine = !(await (await mountedTrees())('/no-tree'));

/** A cache with an artifact, its unpacked form, and a tree of it. */
async function withTree(directory: string) {
  const { cache } = openTestCache(directory);
  await cache.unpacked({ path: await cache.admit(digest, contentOf(bytes)), digest, tool: 'a' });
  const layout = layoutOf(directory);
  const tree = join(treesOfArtifact(layout, digest), `a-v1-${digestHex(digest).slice(0, 12)}-0123456789abcdef`);
  await mkdir(join(tree, 'bin'), { recursive: true });
  await writeFile(join(tree, 'bin/a'), program);
  for (const path of ['', 'bin', 'bin/a']) await chmod(join(tree, path), 0o755);
  return { cache, tree, record: unpackedRecordPath(layout, digest) };
}

test.each([
  ['other bytes', (tree: string) => writeFile(join(tree, 'bin/a'), 'x'.repeat(9000)), 'has digest'],
  ['another mode', (tree: string) => chmod(join(tree, 'bin'), 0o777), 'has mode 0777'],
  ['something more', (tree: string) => writeFile(join(tree, 'more'), ''), 'does not belong there'],
  ['something less', (tree: string) => rm(join(tree, 'bin/a')), 'is missing'],
])('a tree with %s is found wrong, unless nobody knows what it should be', async (_, change, reason) => {
  await using scratch = await createScratch();
  const { cache, tree, record } = await withTree(scratch.path);
  expect(await cache.verify({ examineTree: compareTree })).toEqual([]);
  await change(tree);
  const [finding, ...others] = await cache.verify({ examineTree: compareTree });
  expect([finding, others]).toMatchObject([{ path: tree, kind: 'corrupt' }, []]);
  expect(finding?.reason).toContain(reason);
  await rm(record);
  expect(await cache.verify({ examineTree: compareTree })).toEqual([]);
});

test.runIf(seesMachine)('a wrong tree is removed, unless it is leased, which is said', async () => {
  await using scratch = await createScratch();
  const { cache, tree } = await withTree(scratch.path);
  await writeFile(join(tree, 'more'), '');
  const lease = await cache.lease(digest);
  const findings = await cache.repair({ examineTree: compareTree });
  expect(findings).toMatchObject([{ path: tree, outcome: 'left' }]);
  expect(describeFindings({ directory: scratch.path, findings })).toMatch(/it was left: it is in use\n$/);
  await lease.release();
  expect(await cache.repair({ examineTree: compareTree })).toMatchObject([{ path: tree, outcome: 'removed' }]);
  expect(await cache.repair({ examineTree: compareTree })).toEqual([]);
});
