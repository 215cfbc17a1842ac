import { dirname, join } from 'node:path';
import { isAbandoned, listTemporaries } from '../disk/temporary.ts';
import type { CacheLayout } from './layout.ts';
import { abandonedLeases } from './leases.ts';
import { listDirectory } from './list-directory.ts';
import { removeFile } from './remove.ts';
import { abandonedTrees, removeUnfinished } from './trees.ts';

/**
 * Temporary files of processes that are gone, wherever in a cache they were written, their leases, and their trees.
 * @param now wall clock, milliseconds since 1970.
 * @returns absolute paths.
 * @throws RemoteError `STORAGE`.
 */
export async function listLeftovers(layout: CacheLayout, now: number): Promise<readonly string[]> {
  const { attestations, blobs, extStore, placements, revocations, spool, trustedRoots, unpacked } = layout;
  const ofArtifacts = (await listDirectory(attestations)).filter((entry) => entry.isDirectory());
  const directories = [
    ...ofArtifacts.map(({ name }) => join(attestations, name)),
    ...[blobs, extStore, placements, revocations, spool, trustedRoots, unpacked],
  ];
  const leftovers: string[] = [];
  for (const directory of directories) {
    for (const path of await listTemporaries(directory)) if (await isAbandoned(path, { now })) leftovers.push(path);
  }
  return [...leftovers, ...(await abandonedLeases(layout, now)), ...(await abandonedTrees(layout, now))];
}

/** @throws RemoteError `STORAGE`. */
export async function removeLeftover(layout: CacheLayout, path: string): Promise<void> {
  if (dirname(dirname(path)) === layout.trees) await removeUnfinished(layout, path);
  else await removeFile(path);
}
