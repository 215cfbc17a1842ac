import { stat } from 'node:fs/promises';
import { isSystemError, NotFoundError, UsageError } from '../core/errors.ts';
import { fileKind } from './file-kind.ts';
import { readSmallFile } from './small-file.ts';
import { storageError } from './storage-error.ts';

/**
 * Makes sure that what somebody named is of the kind that is to be read. Links are followed.
 * @param what names it in messages. Default: its path.
 * @throws NotFoundError `NOT_FOUND`, also for a path that goes on behind a file; UsageError `USAGE`, saying what stands
 * there; RemoteError `STORAGE` when nobody can tell.
 */
export async function verifyInput(path: string, kind: 'file' | 'directory', what = path): Promise<void> {
  const stats = await stat(path).catch((error: unknown) => {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw storageError(error, 'examine', path);
    throw new NotFoundError('NOT_FOUND', `${what} is not there`, {
      hint: 'check the path: a relative one begins in the working directory',
      details: { path },
      cause: error,
    });
  });
  if (kind === 'file' ? stats.isFile() : stats.isDirectory()) return;
  throw new UsageError('USAGE', `${what} is ${fileKind(stats)}, and a ${kind} is needed`, {
    hint: kind === 'file' ? 'name the file itself' : 'name the directory that it stands in',
    details: { path },
  });
}

/** Reads a file that somebody named. @throws as {@link verifyInput} and {@link readSmallFile}. */
export async function readInputFile(path: string, maxBytes: number, what?: string): Promise<Uint8Array> {
  await verifyInput(path, 'file', what);
  return await readSmallFile(path, maxBytes);
}
