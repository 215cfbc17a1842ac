import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isSystemError } from '../core/errors.ts';
import { deviceFrom, mountLinesFrom, rootWithin, type MountLine } from '../core/mount-table.ts';

/** Tells of the path of a tree whether it is mounted. */
export type IsMounted = (path: string) => Promise<boolean>;

/** How much of the kernel's tables is read. */
export interface TableLimits {
  /** Bytes of one process: some ten thousand mounts. */
  readonly one: number;
  /** Bytes of all processes together. */
  readonly all: number;
  /** Of different mounts, and layers of overlays: namespaces mostly have copies of the same. */
  readonly different: number;
}

const LIMITS: TableLimits = { one: 16 * 1024 * 1024, all: 256 * 1024 * 1024, different: 1_000_000 };

/**
 * Whether a tree of this machine is mounted anywhere on it, itself or by an overlay, in whatever namespace: by what the kernel tells
 * of all processes. Of an overlay it tells the path that its maker saw, so that there the last name counts, which is random.
 * @param proc where the kernel tells of processes.
 * @param limits who has a user namespace can make as many mounts, and namespaces of them, as the kernel allows.
 * @returns a function that answers as of now; always yes where not all processes of the machine can be seen: in a container, where
 * those of others are hidden, or where their tables are longer than the limits.
 */
export async function mountedTrees(proc = '/proc', limits = LIMITS): Promise<IsMounted> {
  const all = (await seesAll(proc, limits)) ? await mountsOfAll(proc, limits) : undefined;
  const own = mountLinesFrom((await tableOf(join(proc, 'self'), limits)) ?? '');
  if (all === undefined || own.length === 0) return () => Promise.resolve(true);
  return async (path) => {
    if (all.shown.has(basename(path))) return true;
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    const root = rootWithin(own, path);
    return stats !== undefined && root !== undefined && all.mounted.has(keyOf({ device: deviceFrom(stats.dev), root }));
  };
}

function keyOf({ device, root }: Pick<MountLine, 'device' | 'root'>): string {
  return `${device} ${root}`;
}

/** PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: in any other namespace there are processes that it does not show. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/** The first process is always there, and root's: who cannot see it cannot see those of others. */
async function seesAll(proc: string, limits: TableLimits): Promise<boolean> {
  const isFirst = (await linkOf(join(proc, 'self/ns/pid'))) === FIRST_PID_NAMESPACE;
  return isFirst && Boolean(await tableOf(join(proc, '1'), limits));
}

interface Mounts {
  /** What is mounted, by {@link keyOf}. */
  readonly mounted: Set<string>;
  /** The last names of what overlays show. */
  readonly shown: Set<string>;
}

/**
 * Of one table for each mount namespace and root that a process has: in one namespace each process sees the mounts below its own root.
 * @returns undefined when one may not be read, or there is more than is read.
 */
async function mountsOfAll(proc: string, limits: TableLimits): Promise<Mounts | undefined> {
  const processes = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map((name) => join(proc, name));
  const seen = new Set<string>();
  const mounts: Mounts = { mounted: new Set(), shown: new Set() };
  let left = limits.all;
  for (const process of processes) {
    const view = await viewOf(process);
    if (view !== undefined && seen.has(view)) continue;
    const table = await tableOf(process, limits);
    left -= table?.length ?? 0;
    if (table === undefined || left < 0) return undefined;
    noteMounts(mounts, table);
    if (mounts.mounted.size + mounts.shown.size > limits.different) return undefined;
    // One that entered another namespace meanwhile, or has ended, does not speak for those that are as it was.
    if (view !== undefined && table !== '' && (await viewOf(process)) === view) seen.add(view);
  }
  return mounts;
}

function noteMounts({ mounted, shown }: Mounts, table: string): void {
  for (const line of mountLinesFrom(table)) {
    mounted.add(keyOf(line));
    for (const layer of line.layers) shown.add(basename(layer));
  }
}

/** Undefined when the process has ended, or is another user's. */
async function viewOf(process: string): Promise<string | undefined> {
  const namespace = await linkOf(join(process, 'ns/mnt'));
  const root = namespace === undefined ? undefined : await linkOf(join(process, 'root'));
  return root === undefined ? undefined : `${namespace} ${root}`;
}

async function linkOf(path: string): Promise<string | undefined> {
  return await readlink(path).catch(() => undefined);
}

/** Empty when the process has ended; undefined when it may not be read, or is longer than the limit of one. */
async function tableOf(process: string, { one }: TableLimits): Promise<string | undefined> {
  try {
    return await readWithin(join(process, 'mountinfo'), one);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH', 'EINVAL')) return '';
    if (isSystemError(error, 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}

/** In pieces: files of /proc have no size. @returns undefined when there is more than the limit. */
async function readWithin(path: string, limit: number): Promise<string | undefined> {
  const pieces: string[] = [];
  const piece = Buffer.alloc(64 * 1024);
  await using file = await open(path, 'r');
  for (let size = 0; size <= limit;) {
    const { bytesRead } = await file.read(piece);
    if (bytesRead === 0) return pieces.join('');
    size += bytesRead;
    pieces.push(piece.toString('latin1', 0, bytesRead));
  }
  return undefined;
}
