import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isSystemError, UsageError } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';
import { readSmallFile } from '../../disk/small-file.ts';
import { onDisk, storageError } from '../../disk/storage-error.ts';
import { faultOfEntryName } from './entry-name.ts';
import type { PackLimits } from './limits.ts';

/** A file that is to be packed. */
export interface PackFile {
  /** Relative, with slashes. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads every file below a directory. Directories without files leave no trace.
 * @param directory absolute.
 * @returns sorted by the bytes of their names.
 * @throws UsageError `USAGE` for what is no directory, a link, a special file, or a name that no pack may have; IntegrityError `TOO_LARGE`;
 * RemoteError `STORAGE`; the signal's reason.
 */
export async function collectPackFiles(
  directory: string,
  limits: PackLimits,
  signal: AbortSignal | undefined,
): Promise<readonly PackFile[]> {
  await verifyDirectory(directory);
  const names = await namesBelow(directory, '', limits.maxEntries);
  const files: PackFile[] = [];
  let room = limits.maxPackBytes;
  for (const name of names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    signal?.throwIfAborted();
    const most = Math.min(room, limits.maxEntryBytes);
    const bytes = await readSmallFile(join(directory, name), most, { followLinks: false });
    room -= bytes.byteLength;
    files.push({ name, bytes });
  }
  return files;
}

async function verifyDirectory(directory: string): Promise<void> {
  const stats = await stat(directory).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw storageError(error, 'examine', directory);
  });
  if (stats?.isDirectory() === true) return;
  throw new UsageError(
    'USAGE',
    `cannot pack ${directory}: it is ${stats === undefined ? 'not there' : 'no directory'}`,
    {
      hint: 'name the directory that holds what belongs into the pack',
      details: { directory },
    },
  );
}

async function namesBelow(directory: string, prefix: string, most: number): Promise<readonly string[]> {
  const folder = join(directory, prefix);
  const names: string[] = [];
  for (const entry of await onDisk('list', folder, () => readdir(folder, { withFileTypes: true }))) {
    const name = `${prefix}${entry.name}`;
    const fault = faultOfFile(name, entry);
    if (fault !== undefined) throw unfit(directory, name, fault);
    if (entry.isDirectory()) names.push(...(await namesBelow(directory, `${name}/`, most - names.length)));
    else names.push(name);
    if (names.length > most) throw unfit(directory, name, 'is one more file than a pack may have');
  }
  return names;
}

function faultOfFile(name: string, entry: Dirent): string | undefined {
  if (entry.isSymbolicLink()) return 'is a link, which a pack cannot have';
  if (!entry.isFile() && !entry.isDirectory()) return 'is no file and no directory';
  return faultOfEntryName(name);
}

function unfit(directory: string, name: string, fault: string): UsageError {
  return new UsageError('USAGE', `cannot pack ${directory}: ${quoted(name)} ${fault}`, {
    hint: 'put what belongs into the pack, and nothing else, into a directory of its own',
    details: { directory, name },
  });
}
