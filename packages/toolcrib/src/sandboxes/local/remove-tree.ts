import { constants } from 'node:fs';
import { open, readdir, rm, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isSystemError, SandboxError } from '../../core/errors.ts';
import { lstatOrUndefined } from '../../disk/file-kind.ts';
import { onDisk } from '../../disk/storage-error.ts';
import { hostPathOf } from './host-path.ts';

/**
 * Removes a directory of the sandbox and all that is in it; one that is not there is fine.
 *
 * Programs of the sandbox may run as the same user in namespaces of their own, and could swap a directory for a link
 * that leads out of it. So on Linux every directory is opened without following links, and what is in it is named by
 * that open directory (`/proc/self/fd/N`, proc(5)), wherever it is moved meanwhile. Elsewhere nothing isolates programs, which
 * gain nothing by it.
 * @param root absolute path of the sandbox's directory.
 * @param path absolute, in the sandbox's own terms.
 * @param signal is looked at before each entry: somebody may make more of them while they are removed.
 * @throws SandboxError `NOT_INJECTABLE` for a link on the way; RemoteError `STORAGE`; the signal's reason.
 */
export async function removeTree(root: string, path: string, signal?: AbortSignal): Promise<void> {
  const host = await hostPathOf(root, path);
  if (host === root) throw new SandboxError('NOT_INJECTABLE', 'a sandbox is not removed as a whole');
  if (process.platform !== 'linux') {
    await onDisk('remove', host, () => rm(host, { recursive: true, force: true }));
    return;
  }
  if ((await lstatOrUndefined(host)) === undefined) return;
  const parent = await openBelow(root, dirname(host).slice(root.length));
  try {
    await onDisk('remove', host, () => removeChild(parent, basename(host), signal));
  } finally {
    await parent.close();
  }
}

/** @param relative below `root`, with its slashes. */
async function openBelow(root: string, relative: string): Promise<FileHandle> {
  let at = await openDirectory(root, root);
  for (const name of relative.split('/').filter((one) => one !== '')) {
    const next = await openDirectory(`${pathOf(at)}/${name}`, `${root}${relative}`).finally(() => at.close());
    at = next;
  }
  return at;
}

/** @param shown how the path is named in an error. */
async function openDirectory(path: string, shown: string): Promise<FileHandle> {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  return await onDisk('open', shown, () => open(path, flags));
}

function pathOf(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}

async function removeChild(parent: FileHandle, name: string, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const path = `${pathOf(parent)}/${name}`;
  try {
    await unlink(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    // What unlink(2) answers for a directory; POSIX has the second.
    if (!isSystemError(error, 'EISDIR', 'EPERM')) throw error;
    await removeDirectory(path, signal);
  }
}

async function removeDirectory(path: string, signal: AbortSignal | undefined): Promise<void> {
  const directory = await openDirectory(path, path);
  try {
    for (const name of await readdir(pathOf(directory))) await removeChild(directory, name, signal);
  } finally {
    await directory.close();
  }
  await rmdir(path);
}
