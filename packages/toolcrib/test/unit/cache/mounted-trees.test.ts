import { mkdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountedTrees, type TableLimits } from '../../../src/cache/mounted-trees.ts';
import { deviceFrom } from '../../../src/core/mount-table.ts';
import { createScratch } from '../disk/scratch.ts';

const TREE = 'tool-v1-0123456789ab-0123456789abcdef';
const ROOT = '27 1 254:0 / / rw - ext4 /dev/vda rw';

interface FakeProcess {
  readonly pid: string;
  readonly namespace?: string;
  readonly root?: string;
  readonly table?: string;
}

/** What a kernel would tell of these processes, and a tree. */
async function machine(directory: string, processes: readonly FakeProcess[], pidNamespace = 'pid:[4026531836]') {
  const [proc, tree] = [join(directory, 'proc'), join(directory, TREE)];
  await mkdir(tree);
  const device = deviceFrom((await stat(tree, { bigint: true })).dev);
  const own = `27 1 ${device >> 32n}:${device & 0xffffffffn} / / rw - ext4 /dev/vda rw`;
  const self = { pid: 'self', namespace: 'mnt:[1]', root: '/', table: own };
  for (const { pid, namespace, root, table } of [self, { ...self, pid: '1' }, ...processes]) {
    await mkdir(join(proc, pid, 'ns'), { recursive: true });
    if (namespace !== undefined) await symlink(namespace, join(proc, pid, 'ns/mnt'));
    if (root !== undefined) await symlink(root, join(proc, pid, 'root'));
    if (table !== undefined) await writeFile(join(proc, pid, 'mountinfo'), table);
  }
  await symlink(pidNamespace, join(proc, 'self/ns/pid'));
  return { proc, tree, bound: `30 27 ${own.split(' ')[2] ?? ''} ${tree} /opt/t ro - ext4 /dev/vda rw` };
}

const overlay = `40 27 0:50 / /x ro - overlay overlay ro,lowerdir=abc/${TREE}:empty`;

test('a tree is mounted where one process has it so, in whatever namespace, by itself or by an overlay', async () => {
  await using scratch = await createScratch();
  const { proc, tree, bound } = await machine(scratch.path, [
    { pid: '7', namespace: 'mnt:[2]', root: '/', table: ROOT },
  ]);
  expect(await (await mountedTrees(proc))(tree)).toBe(false);
  for (const line of [bound, overlay]) {
    await writeFile(join(proc, '7/mountinfo'), `${ROOT}\n${line}\n`);
    expect(await (await mountedTrees(proc))(tree), line).toBe(true);
  }
});

test('one process speaks for all of its mount namespace and root, unless it has ended or may not be asked', async () => {
  await using scratch = await createScratch();
  const { proc, tree } = await machine(scratch.path, [
    { pid: '5', namespace: 'mnt:[3]', root: '/' },
    { pid: '6', table: ROOT },
    { pid: '7', namespace: 'mnt:[3]', root: '/', table: ROOT },
    { pid: '8', namespace: 'mnt:[3]', root: '/', table: ROOT },
    { pid: '9', namespace: 'mnt:[3]', root: '/jail', table: ROOT },
  ]);
  const isMountedIn = async (pid: string) => {
    await writeFile(join(proc, pid, 'mountinfo'), `${ROOT}\n${overlay}\n`);
    const answer = await (await mountedTrees(proc))(tree);
    await writeFile(join(proc, pid, 'mountinfo'), ROOT);
    return answer;
  };
  for (const pid of ['6', '9']) expect(await isMountedIn(pid), pid).toBe(true);
  expect([await isMountedIn('7'), await isMountedIn('8')].filter(Boolean)).toHaveLength(1);
});

test('every tree counts as mounted where not all processes of the machine are seen', async () => {
  await using scratch = await createScratch();
  const { proc, tree } = await machine(scratch.path, []);
  expect(await (await mountedTrees(proc))(tree)).toBe(false);
  expect(await (await mountedTrees(join(scratch.path, 'no-proc')))(tree)).toBe(true);
  await rm(join(proc, '1'), { recursive: true });
  expect(await (await mountedTrees(proc))(tree)).toBe(true);
  await using container = await createScratch();
  const inside = await machine(container.path, [], 'pid:[4026532201]');
  expect(await (await mountedTrees(inside.proc))(inside.tree)).toBe(true);
});

test('every tree counts as mounted where a process has more mounts than are read, or all of them have', async () => {
  await using scratch = await createScratch();
  const padding = `${ROOT}\n`.repeat(1000);
  const { proc, tree } = await machine(scratch.path, [
    { pid: '7', namespace: 'mnt:[2]', root: '/', table: padding },
    { pid: '8', namespace: 'mnt:[3]', root: '/', table: padding },
  ]);
  const isMounted = async (...limits: [TableLimits?]) => (await mountedTrees(proc, ...limits))(tree);
  const limits = { one: padding.length, all: 2 * padding.length + 2 * 100, different: 2 };
  expect(await isMounted(limits)).toBe(false);
  expect(await isMounted({ ...limits, one: limits.one - 1 })).toBe(true);
  expect(await isMounted({ ...limits, all: 2 * padding.length })).toBe(true);
  expect(await isMounted({ ...limits, different: 0 })).toBe(true);
  expect(await isMounted()).toBe(false);
  await writeFile(join(proc, '7/mountinfo'), Buffer.alloc(17 * 1024 * 1024, `${ROOT}\n`));
  expect(await isMounted()).toBe(true);
});
