import { lstat, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestHex, type Digest } from '../core/digest.ts';
import { isSystemError } from '../core/errors.ts';
import { deviceFrom, mountLinesFrom, rootWithin, type MountLine } from '../core/mount-table.ts';
import { onDisk } from '../disk/storage-error.ts';
import { blobDigestFrom, type CacheLayout } from './layout.ts';
import { listDirectory, statsOf } from './list-directory.ts';

/** A tree that is mounted in sandboxes that run. */
export interface StoredTree {
  readonly path: string;
  /** Of the artifact. */
  readonly digest: Digest;
}

/** Where trees of an artifact are; there are several when one was found changed while a sandbox had it mounted. */
export function treesOfArtifact({ trees }: CacheLayout, digest: Digest): string {
  return join(trees, digestHex(digest));
}

/**
 * All trees, also what is half written or half removed of one.
 * @throws RemoteError `STORAGE`.
 */
export async function listTrees({ trees }: CacheLayout): Promise<readonly StoredTree[]> {
  // A link, say to where somebody keeps other trees, is not the cache's.
  const entries = (await statsOf(trees))?.isDirectory() === true ? await listDirectory(trees) : [];
  const found: StoredTree[] = [];
  for (const entry of entries) {
    const digest = entry.isDirectory() ? blobDigestFrom(entry.name) : undefined;
    if (digest === undefined) continue;
    const folder = join(trees, entry.name);
    const below = (await listDirectory(folder)).filter((one) => one.isDirectory());
    found.push(...below.map(({ name }) => ({ path: join(folder, name), digest })));
  }
  return found;
}

/** In bytes, of all files below a directory; what is gone has none. @throws RemoteError `STORAGE`. */
export async function sizeOfTree(path: string): Promise<number> {
  const stats = await statsOf(path);
  if (stats?.isDirectory() !== true) return stats?.size ?? 0;
  let bytes = 0;
  for (const { name } of await listDirectory(path)) bytes += await sizeOfTree(join(path, name));
  return bytes;
}

/**
 * Takes a tree away that nobody uses: first its name, so that nobody finds one that is half there.
 * @returns false when it is gone already.
 * @throws RemoteError `STORAGE`.
 */
export async function removeTree(path: string): Promise<boolean> {
  const gone = join(dirname(path), `${REMOVED}${basename(path)}`);
  try {
    await onDisk('rename', path, () => rename(path, gone));
  } catch (error) {
    if ((await statsOf(path)) === undefined) return false;
    throw error;
  }
  await onDisk('remove', gone, () => rm(gone, { recursive: true, force: true }));
  await rmdir(dirname(path)).catch(() => undefined); // another tree of the artifact may be there
  return true;
}

const REMOVED = '.removed-';

/**
 * Whether a tree of this machine is mounted anywhere on it, itself or by an overlay, in whatever namespace: by what the kernel tells
 * of all processes. Of an overlay it tells the path that its maker saw, so that there the last name counts, which is random.
 * @returns a function that answers as of now; where processes of others cannot be looked at, of one's own.
 */
export async function mountedTrees(): Promise<(path: string) => Promise<boolean>> {
  const mounted = new Set<string>();
  const shown = new Set<string>();
  for (const table of await tablesOfAll()) {
    for (const line of mountLinesFrom(table)) {
      mounted.add(keyOf(line));
      for (const layer of line.layers) shown.add(basename(layer));
    }
  }
  const own = mountLinesFrom(await tableOf('self'));
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

/** Of every process: in one mount namespace each sees the mounts below its own root. */
async function tablesOfAll(): Promise<ReadonlySet<string>> {
  const names = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const tables = new Set<string>();
  for (const pid of names) tables.add(await tableOf(pid));
  return tables;
}

/** Empty when the process has ended. */
async function tableOf(process: string): Promise<string> {
  try {
    return await readFile(`/proc/${process}/mountinfo`, 'latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'EPERM')) return '';
    throw error;
  }
}
