import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onDisk } from '../disk/storage-error.ts';
import type { CacheLayout } from './layout.ts';
import { listDirectory } from './list-directory.ts';

/**
 * Takes away the trees that sandboxes were made with. Nobody can tell on this machine who has one mounted, also in a sandbox
 * that does not run just now: so it is done only for who asks for it, and for all of them. Sandboxes that have one lose the tool.
 * @returns their paths, sorted.
 * @throws RemoteError `STORAGE`.
 */
export async function removeMounts({ mounts }: CacheLayout, { dryRun }: { readonly dryRun: boolean }) {
  const names = (await listDirectory(mounts)).map(({ name }) => name).sort();
  const paths: readonly string[] = names.map((name) => join(mounts, name));
  if (!dryRun) {
    for (const path of paths) await onDisk('remove', path, () => rm(path, { recursive: true, force: true }));
  }
  return paths;
}
