import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError } from '../core/errors.ts';
import { onDisk } from './storage-error.ts';

/**
 * Makes sure that files can be made in a directory, as far as the system tells without trying: one that is not there yet
 * is judged by the nearest one that is. Whether there is room, only writing tells.
 * @throws RemoteError `STORAGE`.
 */
export async function verifyWritable(directory: string): Promise<void> {
  const nearest = await nearestThere(directory);
  // With the dot, a file is refused as what it is.
  await onDisk('write to', nearest, () => access(`${nearest}/.`, constants.W_OK | constants.X_OK));
}

/** The path itself, or the nearest one above it that is there; where nobody can tell, that one. */
export async function nearestThere(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    return parent === path || !isSystemError(error, 'ENOENT') ? path : await nearestThere(parent);
  }
}
