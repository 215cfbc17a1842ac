import type { BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { isAtOrBelow } from '../../../core/below.ts';
import { deviceFrom, mountAbove, mountLinesFrom, rootWithin, type MountLine } from '../../../core/mount-table.ts';
import { belongsTo, procFile } from './container-process.ts';

/** Whether what is mounted in a mount of a process would be mounted elsewhere, too; so, too, when nothing is known of it. */
export async function isSharedMount(pid: number, mount: bigint): Promise<boolean> {
  const lines = mountLinesFrom(await procFile(`/proc/${pid}/mountinfo`));
  return lines.find(({ id }) => id === mount)?.isShared !== false;
}

/** As `NamespaceMounter.mountPaths`. */
export async function mountPathsIn(pid: number): Promise<readonly string[] | undefined> {
  const table = await procFile(`/proc/${pid}/mountinfo`);
  return table === '' ? undefined : mountLinesFrom(table).map(({ path }) => path);
}

/** The container whose mounts are looked at. */
export interface ContainerProcess {
  readonly pid: number;
  /** Of the container. */
  readonly id: string;
  /** The directory of this machine that is its root. */
  readonly root: string;
}

/**
 * As `NamespaceMounter.isMounted`. The kernel tells paths as they are now, from the root of the process: so that has to be the
 * container's, and the mount on which this one stands the one that a program comes through.
 */
export async function isMountedIn(container: ContainerProcess, path: string, source: string): Promise<boolean> {
  const { pid, id, root } = container;
  const [table, own, seen, top] = await Promise.all([
    procFile(`/proc/${pid}/mountinfo`),
    procFile('/proc/self/mountinfo'),
    lstat(source, { bigint: true }).catch(() => undefined),
    stat(root, { bigint: true }).catch(() => undefined),
  ]);
  const lines = mountLinesFrom(table);
  // A process that changed its root for a moment has another table meanwhile.
  const isOfRoot = lines.some(({ path: at, device }) => at === '/' && top && device === deviceFrom(top.dev));
  if (top === undefined || !isOfRoot) return false;
  const mount = lines.find((line) => line.path === path);
  if (mount === undefined || seen?.isDirectory() !== true) return false;
  const others = lines.filter((line) => line !== mount);
  if (others.some((line) => isAtOrBelow(line.path, path))) return false;
  const isReached = mountAbove(others, path)?.id === mount.parent;
  const isItself = mount.device === deviceFrom(seen.dev) && mount.root === rootWithin(mountLinesFrom(own), source);
  if (!mount.isReadOnly || !isReached || !(isItself || showsOnly(mount, source))) return false;
  return (await hasRoot(pid, top)) && (await belongsTo(pid, id));
}

/**
 * By an overlay of two lower directories, as `NamespaceMounter.mount` makes it, which nobody can write: the source, whose path the
 * kernel tells as it was told, from the base on, and an empty one.
 */
function showsOnly({ root, layers }: MountLine, source: string): boolean {
  const [tree = ''] = layers;
  return root === '/' && layers.length === 2 && tree !== '' && source.endsWith(`/${tree}`);
}

async function hasRoot(pid: number, told: BigIntStats): Promise<boolean> {
  try {
    const its = await stat(`/proc/${pid}/root`, { bigint: true });
    return its.dev === told.dev && its.ino === told.ino;
  } catch {
    return false; // it has ended, or is not here
  }
}
