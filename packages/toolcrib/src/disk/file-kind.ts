import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { isSystemError } from '../core/errors.ts';
import { storageError } from './storage-error.ts';

/** What stands at a path, as in "it is …". */
export function fileKind(stats: Stats): string {
  if (stats.isFile()) return 'a file';
  if (stats.isSymbolicLink()) return 'a symbolic link';
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'no regular file';
}

/**
 * What stands at a path, links not followed; undefined when nothing does, also when a component on the way is a file.
 * @throws RemoteError `STORAGE`.
 */
export async function lstatOrUndefined(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw storageError(error, 'examine', path);
  }
}
