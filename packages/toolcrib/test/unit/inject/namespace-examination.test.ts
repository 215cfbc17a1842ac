import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { copyingRefusal, componentsOf, examineWay, mountingRefusal } from '../../../src/inject/examine-parent.ts';
import { protectionOf } from '../../../src/inject/protection.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { NamespaceEntry, Sandbox, SandboxMount } from '../../../src/sandboxes/sandbox.ts';

let folder: string;
let local: Sandbox;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'local-'));
  local = await openLocalSandbox(folder, { env: {} });
});
afterAll(() => rm(folder, { recursive: true }));

const TMPFS: SandboxMount = { path: '/opt', kind: 'tmpfs', writable: true, executable: true };
const withMounts = (...mounts: SandboxMount[]): Sandbox => ({ ...local, identity: { ...local.identity, mounts } });
const wayTo = (path: string, last: Partial<NamespaceEntry> = {}): readonly NamespaceEntry[] => {
  const way = componentsOf(path).map((at): NamespaceEntry => ({ path: at, kind: 'directory', mode: 0o755, uid: 0 }));
  return way.map((entry) => (entry.path === path ? { ...entry, ...last } : entry));
};

test.each([
  ['a directory that only root writes', {}, []],
  ['a directory that all write, but only owners replace in', { mode: 0o1777 }, []],
  ['a directory that all write', { mode: 0o777 }, ['others than root can write /opt (mode 0777)']],
  ["another user's directory", { uid: 1000 }, ['/opt belongs to uid 1000']],
])('a tmpfs whose root is %s is judged by what is seen of it from inside', async (_, seen, weaknesses) => {
  const examined = await examineWay(withMounts(TMPFS), '/opt/toolcrib', 1000, wayTo('/opt', seen));
  expect(examined).toMatchObject({ refusal: undefined, existing: '/opt', missing: ['toolcrib'], weaknesses });
});

test.each([
  ['a link', { kind: 'link' }, '/opt/toolcrib is a link'],
  ['a file', { kind: 'file' }, '/opt/toolcrib is not a directory'],
] as const)('%s on the way is refused', async (_, seen, refusal) => {
  const way = wayTo('/opt/toolcrib', seen);
  expect(await examineWay(withMounts(), '/opt/toolcrib', 1000, way)).toMatchObject({ refusal });
});

test.each([
  ['a directory of the host', { ...TMPFS, kind: 'bind' }, '/opt is a directory of the host'],
  ['a read-only mount', { ...TMPFS, writable: false }, '/opt is mounted read-only'],
  ['a mount for data', { ...TMPFS, executable: false }, '/opt is mounted noexec'],
] as const)('%s is refused by what the engine says of it', async (_, mount, refusal) => {
  const examined = await examineWay(withMounts(mount), '/opt/toolcrib', 0, wayTo('/opt'));
  expect(copyingRefusal(examined)).toContain(refusal);
});

test('where nothing can be started, nothing is copied, and a tree that can be started from may be mounted', async () => {
  const told = await examineWay(withMounts({ ...TMPFS, executable: false }), '/opt/toolcrib', 0, wayTo('/opt'));
  const [root, opt] = wayTo('/opt');
  if (root === undefined || opt === undefined) throw new Error('no way');
  const seen = await examineWay(withMounts(TMPFS), '/opt/toolcrib', 0, [root, { ...opt, isExecutable: false }]);
  expect([told, seen].map(copyingRefusal)).toEqual([
    '/opt is mounted noexec',
    '/opt is on a file system that is mounted noexec',
  ]);
  expect([told, seen].map(mountingRefusal)).toEqual([undefined, undefined]);
});

test.each([
  [1000, TMPFS, 'root-owned'],
  [0, TMPFS, 'same-user'],
  [undefined, TMPFS, 'same-user'],
  [1000, { ...TMPFS, kind: 'volume' }, 'writable-parent'],
] as const)('for uid %s what was placed from the host is protected as it deserves', async (uid, mount, protection) => {
  const examination = await examineWay(withMounts(mount), '/opt/toolcrib', uid, wayTo('/opt', { mode: 0o1777 }));
  const seen = { examination, placedAsRoot: true, readBack: 'host', toldByItself: false, isLocal: false } as const;
  expect(protectionOf({ ...seen, uid }).protection).toBe(protection);
});

test('a placement in a local sandbox is told to be in the hands of the user of toolcrib, who need not be root', async () => {
  const examination = await examineWay(withMounts(), '/opt/toolcrib', 0, wayTo('/opt'));
  const placed = { examination, uid: 0, placedAsRoot: true, readBack: 'engine', toldByItself: false } as const;
  const { why } = protectionOf({ ...placed, isLocal: true });
  expect(why).toContain('run as the user of toolcrib, who can change everything there');
  expect(protectionOf({ ...placed, isLocal: false }).why).toContain('run as root, who can change everything there');
});
