import { constants } from 'node:fs';
import { open, readdir, rm, rmdir, stat, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { isSystemError } from '../core/errors.ts';
import { onDisk } from './storage-error.ts';

/**
 * Removes what stands at a path and all that is in it; nothing there is fine.
 *
 * Somebody else may write below the root, and could swap a directory for a link that leads out of it. So on Linux every
 * directory below the root is opened without following links, and what is in it is named by that open directory
 * (`/proc/self/fd/N`, proc(5)), wherever it is moved meanwhile. Elsewhere it goes by the path.
 * @param root absolute; it is the caller's word, so that links on its way and in its place are followed.
 * @param path absolute, below `root`.
 * @param signal is looked at before each entry: somebody may make more of them while they are removed.
 * @throws RemoteError `STORAGE`, also for a link on the way from the root; the signal's reason.
 */
export async function removeBelow(root: string, path: string, signal?: AbortSignal): Promise<void> {
  if (process.platform !== 'linux') {
    namesBelow(root, path);
    await onDisk('remove', path, () => rm(path, { recursive: true, force: true }));
    return;
  }
  await inDirectoryBelow(root, dirname(path), (parent) => removeEntry(parent, basename(path), path, signal));
}

/**
 * Works in a directory that nobody can exchange meanwhile, found as {@link removeBelow} finds it.
 * @param root absolute, as there.
 * @param directory absolute: `root`, or below it.
 * @param work is given a path by which the directory is found until the work ends.
 * @returns what the work does; undefined when the directory is not there.
 * @throws RemoteError `STORAGE`, also for a link on the way from the root; what the work throws.
 */
export async function inDirectoryBelow<T>(
  root: string,
  directory: string,
  work: (path: string) => Promise<T>,
): Promise<T | undefined> {
  if (process.platform !== 'linux') return await work(directory);
  const opened = await openBelow(root, directory);
  if (opened === undefined) return undefined;
  try {
    return await work(pathOf(opened));
  } finally {
    await opened.close();
  }
}

/** Of this process: proc(5). */
const OPENED = '/proc/self/fd';

/** Of the directories on the way; none for the root itself. */
function namesBelow(root: string, path: string): readonly string[] {
  const names = relative(root, path).split(sep);
  if (names.includes('..')) throw new TypeError(`${path} is not below ${root}`);
  return names.filter((name) => name !== '');
}

async function openBelow(root: string, directory: string): Promise<FileHandle | undefined> {
  const names = namesBelow(root, directory);
  // Without a /proc all of it would seem to be gone.
  await onDisk('examine', OPENED, () => stat(OPENED));
  let [at, shown] = [await openDirectory(root, root, 0), root];
  for (const name of names) {
    const above = at;
    if (above === undefined) break;
    shown = join(shown, name);
    at = await openDirectory(`${pathOf(above)}/${name}`, shown).finally(() => above.close());
  }
  return at;
}

/**
 * @param shown how the path is named in an error.
 * @param links what is done with one in its place.
 * @returns undefined when nothing is there.
 */
async function openDirectory(
  path: string,
  shown: string,
  links: number = constants.O_NOFOLLOW,
): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | links;
  return await onDisk('open', shown, () => unlessGone(() => open(path, flags)));
}

function pathOf(directory: FileHandle): string {
  return `${OPENED}/${directory.fd}`;
}

/** Whoever removes the same at the same time may have been faster. */
async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function removeEntry(
  parent: string,
  name: string,
  shown: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const path = `${parent}/${name}`;
  try {
    await onDisk('remove', shown, () => unlessGone(() => unlink(path)));
  } catch (error) {
    if (!isDirectoryInstead(error)) throw error;
    await removeDirectory(path, shown, signal);
  }
}

/** What unlink(2) answers for a directory; POSIX has the second. */
function isDirectoryInstead(error: unknown): boolean {
  return error instanceof Error && isSystemError(error.cause, 'EISDIR', 'EPERM');
}

async function removeDirectory(path: string, shown: string, signal: AbortSignal | undefined): Promise<void> {
  const directory = await openDirectory(path, shown);
  if (directory === undefined) return;
  try {
    const at = pathOf(directory);
    const names = (await onDisk('list', shown, () => unlessGone(() => readdir(at)))) ?? [];
    for (const name of names) await removeEntry(at, name, join(shown, name), signal);
  } finally {
    await directory.close();
  }
  await onDisk('remove', shown, () => unlessGone(() => rmdir(path)));
}
