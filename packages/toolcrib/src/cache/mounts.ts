import { join } from 'node:path';
import { removeBelow } from '../disk/remove-below.ts';
import type { CacheLayout } from './layout.ts';
import { listDirectory, statsOf } from './list-directory.ts';
import { sizeOfTree } from './trees.ts';

/**
 * Takes away the trees that sandboxes were made with. Nobody can tell on this machine who has one mounted, also in a sandbox
 * that does not run just now: so it is done only for who asks for it, and for all of them. Sandboxes that have one lose the tool.
 * Anything else that stands there is left, and no link is followed.
 * @param options.isTree whether a directory may be called so that `mountTool` made.
 * @returns their paths, sorted, and how many bytes their files have.
 * @throws RemoteError `STORAGE`.
 */
export async function removeMounts(
  { directory, mounts }: CacheLayout,
  { dryRun, isTree }: { readonly dryRun: boolean; readonly isTree: (name: string) => boolean },
): Promise<{ readonly paths: readonly string[]; readonly bytes: number }> {
  // A link, say to where somebody keeps other trees, is not the cache's.
  const entries = (await statsOf(mounts))?.isDirectory() === true ? await listDirectory(mounts) : [];
  const trees = entries.filter((entry) => entry.isDirectory() && isTree(entry.name));
  const paths = trees.map(({ name }) => join(mounts, name)).sort();
  let bytes = 0;
  for (const path of paths) {
    bytes += await sizeOfTree(path);
    if (!dryRun) await removeBelow(directory, path);
  }
  return { paths, bytes };
}
