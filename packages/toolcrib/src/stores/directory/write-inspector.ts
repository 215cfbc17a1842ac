import { constants } from 'node:fs';
import { access, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSystemError } from '../../core/errors.ts';
import type { StoreReference } from '../../core/reference.ts';
import { onDisk } from '../../disk/storage-error.ts';
import { createSmallFileOnce } from '../../disk/write-file.ts';
import { writeProbeName, type WriteInspector, type WriteOutlook } from '../write-probe.ts';

/** Whether a directory can be published to. @param folder what a relative one is relative to; absolute. */
export function inspectDirectoryWrites(
  reference: Extract<StoreReference, { kind: 'directory' }>,
  folder: string,
): WriteInspector {
  const directory = resolve(folder, reference.directory);
  return {
    look: () => lookAt(directory),
    async probe({ suffix, signal }) {
      const path = join(directory, writeProbeName(suffix));
      const create = (text: string) => createSmallFileOnce(path, text, { signal });
      try {
        await create('the first\n');
        return (await create('the second\n')) === 'exists' ? 'write-once' : 'overwrites';
      } finally {
        await onDisk('remove', path, () => unlink(path).catch(ignoreMissing));
      }
    },
    close: () => Promise.resolve(),
  };
}

async function lookAt(directory: string): Promise<WriteOutlook> {
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    return { isThere: true, writable: true, mayOverwrite: false, text: 'this user can write there' };
  } catch (error) {
    const isThere = !isSystemError(error, 'ENOENT');
    const text = isThere ? 'this user cannot write there' : 'the directory is not there yet: publishing makes it';
    return { isThere, writable: isThere ? false : null, mayOverwrite: false, text };
  }
}

function ignoreMissing(error: unknown): void {
  if (!isSystemError(error, 'ENOENT')) throw error;
}
