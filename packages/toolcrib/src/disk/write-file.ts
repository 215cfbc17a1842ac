import { link, lstat, mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { digestOf, type Digest } from '../core/digest.ts';
import { isSystemError } from '../core/errors.ts';
import { onePiece } from '../core/one-piece.ts';
import type { MeasuredFile } from './digest-file.ts';
import { receiveFile, type ReceiveOptions } from './receive-file.ts';
import { onDisk, storageError } from './storage-error.ts';
import { createTemporary, discardTemporary, releaseTemporary } from './temporary.ts';

/** Bytes with a known digest that can be read from the start. */
export interface FileSource {
  /** In bytes. */
  readonly size: number;
  readonly digest: Digest;
  open(): AsyncIterable<Uint8Array>;
}

/** How a file is written. */
export interface WriteOptions {
  /** Permission bits exactly as given; without it 0o666 less the umask. */
  readonly mode?: number;
  /** False where nothing is lost with what a loss of power takes: then nobody waits for the disk. Default: true. */
  readonly durable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a directory and its parents; one that is there is fine. One level at a time: Node's own recursive mkdir never
 * ends where a file system answers ENOENT below a directory that exists, as /proc does.
 * @throws RemoteError `STORAGE`.
 */
export async function ensureDirectory(path: string, mode?: number): Promise<void> {
  await onDisk('create the directory', path, async () => {
    const missing: string[] = [];
    for (let at = path; !(await isDirectory(at)); at = dirname(at)) missing.unshift(at);
    for (const directory of missing) await makeDirectory(directory, mode);
  });
}

/** False when nothing is there. What is there instead makes {@link mkdir} fail with the system's own words. */
async function isDirectory(path: string): Promise<boolean> {
  const stats = await stat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (stats?.isDirectory() === false) await mkdir(path);
  return stats !== undefined;
}

async function makeDirectory(path: string, mode: number | undefined): Promise<void> {
  try {
    await mkdir(path, mode);
  } catch (error) {
    // Another process was faster.
    if (!isSystemError(error, 'EEXIST') || !(await isDirectory(path))) throw error;
  }
}

/**
 * Replaces a file as a whole: readers see the old bytes or the new ones, also after a crash (of the machine only when it
 * is durable). The directory exists.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function writeFileAtomically(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<void> {
  options.signal?.throwIfAborted();
  const temporary = await createTemporary(dirname(path), options.mode);
  try {
    await onDisk('write', path, () => fill(temporary.handle, data, options));
    options.signal?.throwIfAborted();
    await publishTemporary(temporary.path, path, options);
  } catch (error) {
    await discardTemporary(temporary.path);
    throw error;
  }
}

async function fill(
  handle: FileHandle,
  data: string | Uint8Array,
  { mode, durable = true }: WriteOptions,
): Promise<void> {
  try {
    await handle.writeFile(data);
    if (mode !== undefined) await handle.chmod(mode);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Gives a complete temporary file its final name, replacing what was there, and syncs the directory.
 * @param options.durable as in {@link WriteOptions}.
 * @throws RemoteError `STORAGE`; the temporary file is still there then.
 */
export async function publishTemporary(
  temporary: string,
  path: string,
  { durable = true }: Pick<WriteOptions, 'durable'> = {},
): Promise<void> {
  await onDisk('rename a file to', path, () => rename(temporary, path));
  releaseTemporary(temporary);
  if (durable) await syncDirectory(dirname(path));
}

/**
 * Creates a file, write-once: of two racing creators exactly one gets `created`, the file is there whole or not at all,
 * and what exists is never changed. The directory exists.
 * @throws IntegrityError when the source does not yield its own digest; RemoteError `STORAGE`; the signal's reason.
 */
export async function createFileOnce(
  path: string,
  source: FileSource,
  options: WriteOptions = {},
): Promise<'created' | 'exists'> {
  if (await isThere(path)) return 'exists';
  const created = await receiveAndLink(path, {
    bytes: source.open(),
    expected: { digest: source.digest, size: source.size },
    maxBytes: source.size,
    what: `what is to be ${path}`,
    signal: options.signal,
    ...(options.mode !== undefined && { mode: options.mode }),
  });
  return created === 'exists' ? 'exists' : 'created';
}

/** As {@link createFileOnce}, for what is in memory already. @throws RemoteError `STORAGE`; the signal's reason. */
export async function createSmallFileOnce(
  path: string,
  data: string | Uint8Array,
  options: WriteOptions = {},
): Promise<'created' | 'exists'> {
  const bytes = Buffer.from(data);
  return await createFileOnce(
    path,
    { size: bytes.length, digest: digestOf(bytes), open: () => onePiece(bytes) },
    options,
  );
}

/** What becomes of bytes that are received. */
export interface ReceiveOnceOptions extends Omit<ReceiveOptions, 'directory'> {
  /** Called with the path of the whole file before anybody can see it under its name; what it throws discards the file. */
  readonly verify?: ((path: string) => Promise<void>) | undefined;
}

/**
 * As {@link createFileOnce}, also for bytes that nobody knows the digest of before they have come.
 * @returns what was created, as it was measured.
 * @throws IntegrityError as `receiveFile`; RemoteError `STORAGE`; what `bytes` and `verify` throw; the signal's reason.
 */
export async function receiveFileOnce(path: string, options: ReceiveOnceOptions): Promise<MeasuredFile | 'exists'> {
  return (await isThere(path)) ? 'exists' : await receiveAndLink(path, options);
}

async function receiveAndLink(path: string, options: ReceiveOnceOptions): Promise<MeasuredFile | 'exists'> {
  const { path: temporary, ...measured } = await receiveFile({ ...options, directory: dirname(path) });
  try {
    await options.verify?.(temporary);
    return (await linkOnce(temporary, path)) === 'created' ? measured : 'exists';
  } finally {
    await discardTemporary(temporary);
  }
}

async function linkOnce(temporary: string, path: string): Promise<'created' | 'exists'> {
  try {
    await link(temporary, path);
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return 'exists';
    throw storageError(error, 'create (by a hard link)', path);
  }
  await syncDirectory(dirname(path));
  return 'created';
}

/** Links are not followed: a dangling one is there too. */
async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return false;
    throw storageError(error, 'examine', path);
  }
}

/**
 * Brings names in a directory to the disk. File systems that cannot do that are left alone.
 * @throws RemoteError `STORAGE`.
 */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await onDisk('open', path, () => open(path, 'r'));
  try {
    await handle.sync();
  } catch (error) {
    if (!isSystemError(error, 'EINVAL', 'ENOTSUP', 'EISDIR', 'EBADF')) throw storageError(error, 'write', path);
  } finally {
    await handle.close();
  }
}
