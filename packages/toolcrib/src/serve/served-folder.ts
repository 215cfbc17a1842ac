import type { BigIntStats } from 'node:fs';
import { lstat, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { hasCode, isSystemError } from '../core/errors.ts';
import type { ListedFile } from '../core/store-listing.ts';
import { isIrregular, openRegularFile } from '../disk/open-regular-file.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import { receiveFileOnce } from '../disk/write-file.ts';
import { isStoreFileName } from '../stores/file-name.ts';
import { openKnownDigests } from './known-digests.ts';
import { Refusal } from './refusal.ts';

/** A file that is open for reading: whoever opened it closes it. */
export interface ServedFile extends ListedFile {
  readonly handle: FileHandle;
}

/** Bytes that are to become a file. */
export interface Upload {
  /** In bytes, as announced. */
  readonly size: number;
  /** The digest that they have to have; undefined when nobody said it. */
  readonly digest: Digest | undefined;
  readonly bytes: AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
  /** Called with the path of all that came before anybody can see it; what it throws ends the upload. */
  readonly verify?: (path: string) => Promise<void>;
}

/** A flat folder of files that are created once and never change. Links, pipes and folders in it do not exist for it. */
export interface ServedFolder {
  /**
   * @returns undefined when there is no such file.
   * @throws Refusal 503 for a file that somebody is changing; RemoteError `STORAGE`.
   */
  open(name: string): Promise<ServedFile | undefined>;
  /**
   * Creates a file, write-once, and whole or not at all.
   * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`; RemoteError `STORAGE`; what the bytes and `verify` throw;
   * the signal's reason.
   */
  create(name: string, upload: Upload): Promise<Digest | 'exists'>;
  /** All files, in no order. @throws RemoteError `STORAGE`. */
  list(): Promise<readonly ListedFile[]>;
}

/** Published files are for everybody to read and for nobody to change. */
const MODE = 0o444;
/** Files that are looked at together. */
const AT_ONCE = 16;

/** What a folder is served with. */
export interface ServedFolderOptions {
  /** True: digests are kept beside the files, so that they need not be measured again. */
  readonly keep: boolean;
  /** Ends what is being measured. */
  readonly signal: AbortSignal;
  /** Other files do not exist for it. Default: names of a store. */
  readonly isFileName?: (name: string) => boolean;
}

/** @param folder absolute; one that does not exist is empty. */
export function openServedFolder(folder: string, options: ServedFolderOptions): ServedFolder {
  const { isFileName = isStoreFileName } = options;
  const digests = openKnownDigests(folder, options);
  const served: ServedFolder = {
    async open(name) {
      const handle = isFileName(name) ? await openIfFile(join(folder, name)) : undefined;
      if (handle === undefined) return undefined;
      try {
        const stats = await onDisk('examine', name, () => handle.stat({ bigint: true }));
        if (stats.isFile()) {
          return { name, size: Number(stats.size), digest: await digests.of(name, handle, stats), handle };
        }
      } catch (error) {
        await handle.close();
        throw error;
      }
      await handle.close();
      return undefined;
    },
    async create(name, { size, digest, bytes, signal, verify }) {
      const path = join(folder, name);
      const what = `what was sent as ${name}`;
      const expected = digest === undefined ? undefined : { digest, size };
      const created = await receiveFileOnce(path, {
        bytes,
        expected,
        maxBytes: size,
        mode: MODE,
        signal,
        what,
        verify,
      });
      if (created === 'exists') return 'exists';
      const stats = await onDisk('examine', path, () => lstat(path, { bigint: true }));
      await digests.remember(name, stats, created.digest);
      return created.digest;
    },
    async list() {
      const names = (await namesIn(folder)).filter(isFileName);
      const listed: ListedFile[] = [];
      for (let at = 0; at < names.length; at += AT_ONCE) {
        const some = await Promise.all(names.slice(at, at + AT_ONCE).map(describe));
        listed.push(...some.filter((file) => file !== undefined));
      }
      return listed;
    },
  };

  /** Without opening it, where its digest is remembered. */
  async function describe(name: string): Promise<ListedFile | undefined> {
    const stats = await statIfThere(join(folder, name));
    const digest = stats?.isFile() === true ? digests.known(name, stats) : undefined;
    if (stats !== undefined && digest !== undefined) return { name, size: Number(stats.size), digest };
    const file = await openSteady(served, name);
    await file?.handle.close();
    return file && { name, size: file.size, digest: file.digest };
  }

  return served;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', folder);
  }
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  }
}

async function openIfFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await openRegularFile(path, { followLinks: false });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND') || isIrregular(error)) return undefined;
    throw error;
  }
}

/** What somebody is writing in its place is not there yet. */
async function openSteady(folder: ServedFolder, name: string): Promise<ServedFile | undefined> {
  try {
    return await folder.open(name);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
