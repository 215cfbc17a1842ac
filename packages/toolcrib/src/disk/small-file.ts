import { closeSync, fstatSync, readSync } from 'node:fs';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { openRegularFileSync, type OpenOptions } from './open-regular-file.ts';
import { storageError } from './storage-error.ts';

/**
 * Reads a file as a whole, but never more of it than is allowed. It is read in this thread: to have another one do
 * that takes longer.
 * @param maxBytes more are an error, whatever the file system says of the file's size.
 * @throws NotFoundError `NOT_FOUND`; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`, also for a pipe.
 */
// eslint-disable-next-line @typescript-eslint/require-await -- asynchronous by contract: nobody relies on how it reads
export async function readSmallFile(path: string, maxBytes: number, options: OpenOptions = {}): Promise<Uint8Array> {
  const fd = openRegularFileSync(path, options);
  try {
    return readAll(fd, path, maxBytes);
  } catch (error) {
    throw storageError(error, 'read', path);
  } finally {
    closeSync(fd);
  }
}

/** As {@link readSmallFile}, decoded as UTF-8: what is none becomes replacement characters. */
export async function readSmallText(path: string, maxBytes: number, options: OpenOptions = {}): Promise<string> {
  return Buffer.from(await readSmallFile(path, maxBytes, options)).toString('utf8');
}

/** What was read; undefined when there is no such file. */
export async function ifThere<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function readAll(fd: number, path: string, maxBytes: number): Uint8Array {
  // One byte more than is allowed tells a file that is too large from one that just fits.
  const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, maxBytes) + 1);
  let filled = 0;
  while (filled < bytes.byteLength) {
    const bytesRead = readSync(fd, bytes, filled, bytes.byteLength - filled, filled);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  throw new IntegrityError('TOO_LARGE', `${path} has more than ${bytes.byteLength - 1} bytes`, {
    hint: 'it is not what it should be, or it grew while it was read: nothing of it was used',
    details: { path, maxBytes },
  });
}
