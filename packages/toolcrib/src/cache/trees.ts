import { rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestHex, type Digest } from '../core/digest.ts';
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
