import { randomBytes } from 'node:crypto';
import { unlinkSync } from 'node:fs';
import { lstat, open, readdir, unlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError } from '../core/errors.ts';
import { formatIdentity, identityFrom, livenessOf, ownIdentity, type ProcessIdentity } from './process-identity.ts';
import { onDisk, storageError } from './storage-error.ts';

const PREFIX = '.toolcrib-';
const SUFFIX = '.tmp';
const NAME = /^\.toolcrib-(?<identity>.+)-[0-9a-f]{32}\.tmp$/;

/** After this many milliseconds without a write, a temporary file of an unknown machine counts as left behind. */
export const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** A file that nobody else looks at yet. */
export interface TemporaryFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** Temporary files of this process: an exit in the middle of the work takes them along. */
const pending = new Set<string>();

/** True for names that {@link createTemporary} makes. */
export function isTemporaryName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Creates an empty file with a name that nobody can guess and that says which process it belongs to. It goes with
 * {@link discardTemporary}, or stays by rename or link and {@link releaseTemporary}.
 * @throws RemoteError `STORAGE`.
 */
export async function createTemporary(
  directory: string,
  mode = 0o666,
  flags: 'wx' | 'wx+' = 'wx',
): Promise<TemporaryFile> {
  const random = randomBytes(16).toString('hex');
  const path = join(directory, `${PREFIX}${formatIdentity(ownIdentity())}-${random}${SUFFIX}`);
  track(path);
  try {
    return { path, handle: await open(path, flags, mode) };
  } catch (error) {
    pending.delete(path);
    throw storageError(error, 'create a file in', directory);
  }
}

/**
 * Creates an empty file for reading and writing that has no name any more: nobody opens it by one, and it is gone as soon
 * as it is closed or the process ends, however it ends.
 * @throws RemoteError `STORAGE`.
 */
export async function createNameless(directory: string): Promise<FileHandle> {
  const { path, handle } = await createTemporary(directory, 0o600, 'wx+');
  await discardTemporary(path);
  return handle;
}

/** Removes a temporary file; one that is gone already is fine. Never throws: what it leaves, a sweep takes. */
export async function discardTemporary(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch {
    // The failure that brought us here is the one to tell.
  }
  pending.delete(path);
}

/** Says that the file has its final name now. */
export function releaseTemporary(path: string): void {
  pending.delete(path);
}

/**
 * Removes what `kill -9` left in a directory: temporary files of processes that do not run any more, and those of other
 * machines that were not written to for {@link ABANDONED_AFTER_MS}. Files of living processes are never touched.
 * @param options.now wall clock, milliseconds since 1970.
 * @returns paths that were removed. A directory that is not there has none.
 * @throws RemoteError `STORAGE`.
 */
export async function sweepTemporaries(
  directory: string,
  options: { readonly now: number; readonly abandonedAfterMs?: number },
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const path of await listTemporaries(directory)) {
    if ((await isAbandoned(path, options)) && (await removeAbandoned(path))) removed.push(path);
  }
  return removed;
}

/**
 * Paths of temporary files in a directory, whoever owns them.
 * @throws RemoteError `STORAGE`.
 */
export async function listTemporaries(directory: string): Promise<readonly string[]> {
  try {
    const names = await readdir(directory);
    return names
      .filter(isTemporaryName)
      .sort()
      .map((name) => join(directory, name));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', directory);
  }
}

/** Whether the owner of a temporary file is gone, as {@link sweepTemporaries} decides it. */
export async function isAbandoned(
  path: string,
  options: { readonly now: number; readonly abandonedAfterMs?: number },
): Promise<boolean> {
  const owner = identityFrom(NAME.exec(path.slice(path.lastIndexOf('/') + 1))?.groups?.['identity'] ?? '');
  return await isAbandonedBy(owner, path, options);
}

/**
 * Whether a process that wrote something is gone; one that cannot be asked, when nothing was written there for long.
 * @param owner undefined when nobody tells.
 * @throws RemoteError `STORAGE`.
 */
export async function isAbandonedBy(
  owner: ProcessIdentity | undefined,
  path: string,
  options: { readonly now: number; readonly abandonedAfterMs?: number },
): Promise<boolean> {
  const liveness = owner === undefined ? 'unknown' : livenessOf(owner);
  if (liveness !== 'unknown') return liveness === 'dead';
  const written = await lastWrite(path);
  return written !== undefined && options.now - written > (options.abandonedAfterMs ?? ABANDONED_AFTER_MS);
}

async function lastWrite(path: string): Promise<number | undefined> {
  try {
    return (await lstat(path)).mtimeMs;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  }
}

/** False when another sweep was faster. */
async function removeAbandoned(path: string): Promise<boolean> {
  return await onDisk('remove', path, async () => {
    try {
      await unlink(path);
      return true;
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return false;
      throw error;
    }
  });
}

let listening = false;

function track(path: string): void {
  pending.add(path);
  if (listening) return;
  listening = true;
  process.once('exit', removePending);
}

function removePending(): void {
  for (const path of pending) {
    try {
      unlinkSync(path);
    } catch {
      // The process ends; a later sweep finds it.
    }
  }
}
