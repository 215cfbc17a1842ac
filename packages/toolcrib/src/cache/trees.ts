import type { Dirent } from 'node:fs';
import { rename, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { digestHex, type Digest } from '../core/digest.ts';
import { inDirectoryBelow, removeBelow } from '../disk/remove-below.ts';
import { onDisk } from '../disk/storage-error.ts';
import { isAbandonedBy } from '../disk/temporary.ts';
import { isUnfinishedTreeName, writerOf } from '../disk/unfinished-tree.ts';
import { blobDigestFrom, type CacheLayout } from './layout.ts';
import { listDirectory, statsOf } from './list-directory.ts';
import { mountedTrees } from './mounted-trees.ts';

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

/** All trees; not what is half written or half removed of one, and nothing that toolcrib did not put there. @throws RemoteError `STORAGE`. */
export async function listTrees(layout: CacheLayout): Promise<readonly StoredTree[]> {
  return (await everyTree(layout)).filter(({ path, digest }) => isTreeName(basename(path), digest));
}

function isTreeName(name: string, digest: Digest): boolean {
  return /-v\d+-(?<hex>[0-9a-f]{12})-[0-9a-f]{16}$/.exec(name)?.groups?.['hex'] === digestHex(digest).slice(0, 12);
}

/** What is among trees, and in the directory that has to be empty, that toolcrib did not put there. @throws RemoteError `STORAGE`. */
export async function strangersAmongTrees(layout: CacheLayout): Promise<readonly string[]> {
  if (!(await isDirectory(layout.trees))) return [];
  const strangers: string[] = [];
  for (const entry of await listDirectory(layout.trees)) {
    const path = join(layout.trees, entry.name);
    const digest = blobDigestFrom(entry.name);
    const isOurs = entry.isDirectory() && (digest !== undefined || path === layout.empty);
    const below = isOurs ? await listDirectory(path) : [];
    const strange = below.filter((one) => digest === undefined || !isOfTree(one, digest));
    strangers.push(...(isOurs ? strange.map(({ name }) => join(path, name)) : [path]));
  }
  return strangers;
}

function isOfTree(entry: Dirent, digest: Digest): boolean {
  return entry.isDirectory() && (isUnfinished(entry.name) || isTreeName(entry.name, digest));
}

async function isDirectory(path: string): Promise<boolean> {
  return (await statsOf(path))?.isDirectory() === true;
}

/** What killed processes left of trees: those of processes that are gone, unless one is mounted all the same. @throws RemoteError `STORAGE`. */
export async function abandonedTrees(layout: CacheLayout, now: number): Promise<readonly string[]> {
  const unfinished = (await everyTree(layout)).filter(({ path }) => isUnfinished(basename(path)));
  if (unfinished.length === 0) return [];
  const isMounted = await mountedTrees();
  const abandoned: string[] = [];
  for (const { path } of unfinished) {
    const named = join(dirname(path), basename(path).replace(REMOVED, '')); // as who mounted it named it
    const isUsed = (await isMounted(path)) || (await isMounted(named));
    if (!isUsed && (await isAbandoned(path, now))) abandoned.push(path);
  }
  return abandoned;
}

async function isAbandoned(path: string, now: number): Promise<boolean> {
  const name = basename(path);
  return name.startsWith(REMOVED) || (await isAbandonedBy(writerOf(name), path, { now }));
}

const REMOVED = '.removed-';

function isUnfinished(name: string): boolean {
  return name.startsWith(REMOVED) || isUnfinishedTreeName(name);
}

async function everyTree({ trees }: CacheLayout): Promise<readonly StoredTree[]> {
  // A link, say to where somebody keeps other trees, is not the cache's.
  const entries = (await isDirectory(trees)) ? await listDirectory(trees) : [];
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
export async function removeTree(layout: CacheLayout, path: string): Promise<boolean> {
  const [folder, name] = [dirname(path), basename(path)];
  const gone = `${REMOVED}${name}`;
  const isRenamed = await inDirectoryBelow(layout.directory, folder, async (at) => {
    try {
      await onDisk('rename', path, () => rename(join(at, name), join(at, gone)));
      return true;
    } catch (error) {
      if ((await statsOf(join(at, name))) === undefined) return false;
      throw error;
    }
  });
  if (isRenamed === true) await removeUnfinished(layout, join(folder, gone));
  return isRenamed === true;
}

/** Takes away what is left of a tree that nobody uses. @throws RemoteError `STORAGE`. */
export async function removeUnfinished({ directory, trees }: CacheLayout, path: string): Promise<void> {
  await removeBelow(directory, path);
  await inDirectoryBelow(directory, trees, async (at) => {
    await rmdir(join(at, basename(dirname(path)))).catch(() => undefined); // another tree of the artifact may be there
  });
}
