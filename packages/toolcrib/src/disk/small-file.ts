import type { FileHandle } from 'node:fs/promises';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { openRegularFile, type OpenOptions } from './open-regular-file.ts';
import { onDisk } from './storage-error.ts';

/**
 * Reads a file as a whole, but never more of it than is allowed.
 * @param maxBytes more are an error, whatever the file system says of the file's size.
 * @throws NotFoundError `NOT_FOUND`; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`, also for a pipe.
 */
export async function readSmallFile(path: string, maxBytes: number, options: OpenOptions = {}): Promise<Uint8Array> {
  const handle = await openRegularFile(path, options);
  try {
    return await onDisk('read', path, () => readAll(handle, path, maxBytes));
  } finally {
    await handle.close();
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

async function readAll(handle: FileHandle, path: string, maxBytes: number): Promise<Uint8Array> {
  // One byte more than is allowed tells a file that is too large from one that just fits.
  const bytes = Buffer.alloc(Math.min((await handle.stat()).size, maxBytes) + 1);
  let filled = 0;
  while (filled < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, filled);
    if (bytesRead === 0) return bytes.subarray(0, filled);
    filled += bytesRead;
  }
  throw new IntegrityError('TOO_LARGE', `${path} has more than ${bytes.byteLength - 1} bytes`, {
    hint: 'it is not what it should be, or it grew while it was read: nothing of it was used',
    details: { path, maxBytes },
  });
}
