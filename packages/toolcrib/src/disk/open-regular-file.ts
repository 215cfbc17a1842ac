import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { isSystemError, NotFoundError, RemoteError, type ToolcribError } from '../core/errors.ts';
import { onDisk, storageError } from './storage-error.ts';

/** How a path is opened. */
export interface OpenOptions {
  /** False where a link is as wrong as a pipe. Default: true. */
  readonly followLinks?: boolean;
}

/**
 * Opens a file for reading when it is one. What may stand there instead (a pipe, a device, a socket) is never waited
 * for: opening a pipe would block a thread that no signal ends.
 * @throws NotFoundError `NOT_FOUND`; RemoteError `STORAGE`, for which {@link isIrregular} tells whether something else
 * stands there.
 */
export async function openRegularFile(path: string, { followLinks = true }: OpenOptions = {}): Promise<FileHandle> {
  const handle = await openWithoutWaiting(path, followLinks);
  try {
    const stats = await onDisk('examine', path, () => handle.stat());
    // Reading a directory fails by itself.
    if (!stats.isFile() && !stats.isDirectory()) throw irregular(path);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Whether a failure says that what stands there is no file, but a pipe, a device, a socket, or an unwanted link. */
export function isIrregular(error: unknown): boolean {
  return error instanceof RemoteError && error.details['irregular'] === true;
}

async function openWithoutWaiting(path: string, followLinks: boolean): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
  try {
    return await open(path, flags);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw new NotFoundError('NOT_FOUND', `${path} is not there`, { cause: error });
    // ENXIO: a socket. ELOOP: a link, when none is wanted.
    if (isSystemError(error, 'ENXIO') || (!followLinks && isSystemError(error, 'ELOOP'))) throw irregular(path, error);
    throw storageError(error, 'read', path);
  }
}

function irregular(path: string, cause?: unknown): ToolcribError {
  return new RemoteError('STORAGE', `cannot read ${path}: it is not a regular file`, {
    hint: 'remove what stands there',
    details: { path, operation: 'read', irregular: true },
    cause,
  });
}
