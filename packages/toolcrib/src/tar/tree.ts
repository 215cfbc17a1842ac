import { constants, type Stats } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { RemoteError, UsageError } from '../core/errors.ts';
import { onDisk } from '../disk/storage-error.ts';
import { textFrom } from './header.ts';
import { sortTree, type TarEntry } from './write.ts';

/**
 * Everything below a directory, sorted, as entries with their permission bits; files are opened when their bytes are
 * read. Links are recorded, never followed. Hard links become files of their own.
 * @throws UsageError `NAME_INVALID` for a socket, fifo, device, or a name that is not UTF-8; RemoteError `STORAGE`.
 */
export async function readTree(directory: string): Promise<readonly TarEntry[]> {
  const entries: TarEntry[] = [];
  const pending = [''];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const name of await namesIn(join(directory, folder))) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const entry = await entryAt(directory, path);
      if (entry.kind === 'directory') pending.push(path);
      entries.push(entry);
    }
  }
  return sortTree(entries);
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await onDisk('read', folder, () => readdir(folder, { encoding: 'buffer' }));
  return names.map((bytes) => {
    const name = textFrom(bytes);
    if (name === undefined) throw refused(`${folder}/${bytes.toString('latin1')}`, 'a name that is not UTF-8');
    return name;
  });
}

async function entryAt(directory: string, path: string): Promise<TarEntry> {
  const file = join(directory, path);
  const stats = await onDisk('stat', file, () => lstat(file));
  const mode = stats.mode & 0o7777;
  if (stats.isDirectory()) return { path, kind: 'directory', mode };
  if (stats.isFile()) return { path, kind: 'file', mode, size: stats.size, bytes: fileBytes(file, stats) };
  if (!stats.isSymbolicLink()) throw refused(file, 'neither a file nor a directory nor a link');
  return { path, kind: 'link', mode: 0o777, linkTarget: await onDisk('readlink', file, () => readlink(file)) };
}

/** Without a wait for a pipe that may stand there by now, which no signal would end. */
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Opens the very file that was examined. */
async function* fileBytes(file: string, expected: Stats): AsyncGenerator<Uint8Array> {
  const handle = await onDisk('open', file, () => open(file, READ));
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.ino !== expected.ino || stats.dev !== expected.dev) {
      throw new RemoteError('STORAGE', `${file} was replaced while its tree was read`);
    }
    for (;;) {
      const { bytesRead, buffer } = await onDisk('read', file, () => handle.read(Buffer.allocUnsafe(256 * 1024)));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

function refused(path: string, what: string): UsageError {
  return new UsageError('NAME_INVALID', `${path} is ${what}: it cannot stand in an artifact`);
}
