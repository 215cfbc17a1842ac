import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isSystemError } from '../core/errors.ts';
import { deviceFrom, mountLinesFrom, rootWithin, type MountLine } from '../core/mount-table.ts';

/** Tells of the path of a tree whether it is mounted. */
export type IsMounted = (path: string) => Promise<boolean>;

/**
 * Whether a tree of this machine is mounted anywhere on it, itself or by an overlay, in whatever namespace: by what the kernel tells
 * of all processes. Of an overlay it tells the path that its maker saw, so that there the last name counts, which is random.
 * @param proc where the kernel tells of processes.
 * @returns a function that answers as of now; always yes where not all processes of the machine can be seen: in a container, or where
 * those of others are hidden.
 */
export async function mountedTrees(proc = '/proc'): Promise<IsMounted> {
  const tables = (await seesAll(proc)) ? await tablesOfAll(proc) : undefined;
  const own = mountLinesFrom((await tableOf(join(proc, 'self'))) ?? '');
  if (tables === undefined || own.length === 0) return () => Promise.resolve(true);
  const mounted = new Set<string>();
  const shown = new Set<string>();
  for (const line of tables.flatMap(mountLinesFrom)) {
    mounted.add(keyOf(line));
    for (const layer of line.layers) shown.add(basename(layer));
  }
  return async (path) => {
    if (shown.has(basename(path))) return true;
    const stats = await lstat(path, { bigint: true }).catch(() => undefined);
    const root = rootWithin(own, path);
    return stats !== undefined && root !== undefined && mounted.has(keyOf({ device: deviceFrom(stats.dev), root }));
  };
}

function keyOf({ device, root }: Pick<MountLine, 'device' | 'root'>): string {
  return `${device} ${root}`;
}

/** PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h: in any other namespace there are processes that it does not show. */
const FIRST_PID_NAMESPACE = 'pid:[4026531836]';

/** The first process is always there, and root's: who cannot see it cannot see those of others. */
async function seesAll(proc: string): Promise<boolean> {
  const isFirst = (await linkOf(join(proc, 'self/ns/pid'))) === FIRST_PID_NAMESPACE;
  return isFirst && Boolean(await tableOf(join(proc, '1')));
}

/**
 * One for each mount namespace and root that a process has: in one namespace each process sees the mounts below its own root.
 * @returns undefined when one may not be read.
 */
async function tablesOfAll(proc: string): Promise<readonly string[] | undefined> {
  const processes = (await readdir(proc)).filter((name) => /^\d+$/.test(name)).map((name) => join(proc, name));
  const seen = new Set<string>();
  const tables: string[] = [];
  for (const process of processes) {
    const view = await viewOf(process);
    if (view !== undefined && seen.has(view)) continue;
    const table = await tableOf(process);
    if (table === undefined) return undefined;
    tables.push(table);
    // One that entered another namespace meanwhile, or has ended, does not speak for those that are as it was.
    if (view !== undefined && table !== '' && (await viewOf(process)) === view) seen.add(view);
  }
  return tables;
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

/** Empty when the process has ended; undefined when it may not be read. */
async function tableOf(process: string): Promise<string | undefined> {
  try {
    return await readFile(join(process, 'mountinfo'), 'latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH', 'EINVAL')) return '';
    if (isSystemError(error, 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
}
