import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { isSystemError } from '../core/errors.ts';
import { storageError } from '../disk/storage-error.ts';

/**
 * What is in a directory, by name; a directory that is not there has nothing.
 * @throws RemoteError `STORAGE`.
 */
export async function listDirectory(directory: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', directory);
  }
}

/**
 * What stands at a path, links not followed; undefined when nothing does.
 * @throws RemoteError `STORAGE`.
 */
export async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  }
}
