import { rmdir, unlink } from 'node:fs/promises';
import { isSystemError } from '../core/errors.ts';
import { storageError } from '../disk/storage-error.ts';

/** Removes a file. @returns false when another process was faster. @throws RemoteError `STORAGE`. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw storageError(error, 'remove', path);
  }
}

/** Removes an empty directory. @returns false when it is gone, or something is in it. @throws RemoteError `STORAGE`. */
export async function removeEmptyDirectory(path: string): Promise<boolean> {
  try {
    await rmdir(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return false;
    throw storageError(error, 'remove', path);
  }
}
