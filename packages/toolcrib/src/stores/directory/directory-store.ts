import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Clock } from '../../core/clock.ts';
import { isSystemError } from '../../core/errors.ts';
import type { StoreReference } from '../../core/reference.ts';
import { storageError } from '../../disk/storage-error.ts';
import { sweepTemporaries } from '../../disk/temporary.ts';
import { createFileOnce, ensureDirectory } from '../../disk/write-file.ts';
import { assertStoreFileName, listedNames } from '../file-name.ts';
import type { Store } from '../store.ts';
import { openStoredFile } from './stored-file.ts';

/** What a directory store needs from outside. */
export interface DirectoryStoreOptions {
  /** What a relative `file:DIR` is relative to; absolute. */
  readonly folder: string;
  readonly clock: Clock;
}

/** Published files are for everybody to read and for nobody to change. */
const MODE = 0o444;

/** A store in a directory of this machine, flat: `{directory}/{file name}`. Nothing is touched before the first call. */
export function openDirectoryStore(
  reference: Extract<StoreReference, { kind: 'directory' }>,
  { folder, clock }: DirectoryStoreOptions,
): Store {
  const directory = resolve(folder, reference.directory);
  const prepare = once(() => prepareDirectory(directory, clock));
  return {
    reference: reference.url,
    guarantee: 'write-once',
    async fetch(name, { signal, onMissing } = {}) {
      assertStoreFileName(name);
      signal?.throwIfAborted();
      const path = join(directory, name);
      const file = await openStoredFile(path, signal);
      if (file === undefined) onMissing?.({ url: pathToFileURL(path).href, isHidden: false });
      return file;
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      signal?.throwIfAborted();
      await prepare();
      return await createFileOnce(join(directory, name), source, { mode: MODE, signal });
    },
    async list(prefix, { signal } = {}) {
      signal?.throwIfAborted();
      return listedNames(await namesIn(directory), prefix);
    },
    complete: () => Promise.resolve('complete'),
    close: () => Promise.resolve(),
  };
}

/** Makes the directory, and takes away what a killed publisher left there. */
async function prepareDirectory(directory: string, clock: Clock): Promise<void> {
  await ensureDirectory(directory);
  await sweepTemporaries(directory, { now: clock.now() });
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', directory);
  }
}

/** A failure is not kept: the next call tries again. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done = false;
  return async () => {
    if (done) return;
    await work();
    done = true;
  };
}
