import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { isSystemError, RemoteError } from '../../core/errors.ts';
import { onDisk, storageError } from '../../disk/storage-error.ts';
import type { OpenedFile } from '../store.ts';

/** Bytes read at a time. */
const BLOCK = 1024 * 1024;

/**
 * Opens a regular file of a directory store. What stands there instead (a directory, a pipe) is refused unread.
 * @returns undefined when there is none.
 * @throws RemoteError `STORAGE`.
 */
export async function openStoredFile(path: string, signal: AbortSignal | undefined): Promise<OpenedFile | undefined> {
  const handle = await openHandle(path);
  if (handle === undefined) return undefined;
  try {
    const stats = await onDisk('examine', path, () => handle.stat());
    if (!stats.isFile()) throw notAFile(path);
    return { size: stats.size, url: pathToFileURL(path).href, bytes: readHandle(handle, path, signal) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Without waiting for a writer, should it be a pipe. */
async function openHandle(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'read', path);
  }
}

function notAFile(path: string): RemoteError {
  return new RemoteError('STORAGE', `cannot read ${path}: it is not a regular file`, {
    hint: 'a directory store holds plain files: remove what stands there',
    details: { path, operation: 'read' },
  });
}

/** Not a generator: one that is ended before it began would leave the file open. */
function readHandle(handle: FileHandle, path: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    await handle.close();
    return { done: true, value: undefined };
  };
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        try {
          signal?.throwIfAborted();
          const block = await readBlock(handle, path);
          return block === undefined ? await end() : { done: false, value: block };
        } catch (error) {
          await handle.close();
          throw error;
        }
      },
      return: end,
    }),
  };
}

async function readBlock(handle: FileHandle, path: string): Promise<Uint8Array | undefined> {
  const block = Buffer.allocUnsafe(BLOCK);
  const { bytesRead } = await onDisk('read', path, () => handle.read(block, 0, BLOCK));
  return bytesRead === 0 ? undefined : block.subarray(0, bytesRead);
}
