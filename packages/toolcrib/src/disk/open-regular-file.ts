import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
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
  const handle = await open(path, flagsOf(followLinks)).catch((error: unknown) => {
    throw openingFailure(error, path, followLinks);
  });
  try {
    refuseIrregular(path, await onDisk('examine', path, () => handle.stat()));
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * As {@link openRegularFile}, for who reads in this thread: to have another one open and close a file takes longer than
 * a small file does.
 * @returns the descriptor, to be closed.
 * @throws as {@link openRegularFile}.
 */
export function openRegularFileSync(path: string, { followLinks = true }: OpenOptions = {}): number {
  let fd: number;
  try {
    fd = openSync(path, flagsOf(followLinks));
  } catch (error) {
    throw openingFailure(error, path, followLinks);
  }
  try {
    refuseIrregular(path, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw storageError(error, 'examine', path);
  }
}

/** Whether a failure says that what stands there is no file, but a pipe, a device, a socket, or an unwanted link. */
export function isIrregular(error: unknown): boolean {
  return error instanceof RemoteError && error.details['irregular'] === true;
}

function flagsOf(followLinks: boolean): number {
  return constants.O_RDONLY | constants.O_NONBLOCK | (followLinks ? 0 : constants.O_NOFOLLOW);
}

function openingFailure(error: unknown, path: string, followLinks: boolean): unknown {
  if (isSystemError(error, 'ENOENT')) return new NotFoundError('NOT_FOUND', `${path} is not there`, { cause: error });
  // ENXIO: a socket. ELOOP: a link, when none is wanted.
  if (isSystemError(error, 'ENXIO') || (!followLinks && isSystemError(error, 'ELOOP'))) return irregular(path, error);
  return storageError(error, 'read', path);
}

/** Reading a directory fails by itself. */
function refuseIrregular(path: string, stats: Stats): void {
  if (!stats.isFile() && !stats.isDirectory()) throw irregular(path);
}

function irregular(path: string, cause?: unknown): ToolcribError {
  return new RemoteError('STORAGE', `cannot read ${path}: it is not a regular file`, {
    hint: 'remove what stands there',
    details: { path, operation: 'read', irregular: true },
    cause,
  });
}
