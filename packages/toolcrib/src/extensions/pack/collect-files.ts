import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';
import { verifyInput } from '../../disk/input-path.ts';
import { readSmallFile } from '../../disk/small-file.ts';
import { onDisk } from '../../disk/storage-error.ts';
import { faultOfNewName, foldName } from './entry-name.ts';
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
 * @throws NotFoundError `NOT_FOUND`; UsageError `USAGE` for what is no directory, a link, a special file, or a name that no
 * pack may have; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`; the signal's reason.
 */
export async function collectPackFiles(
  directory: string,
  limits: PackLimits,
  signal: AbortSignal | undefined,
): Promise<readonly PackFile[]> {
  await verifyInput(directory, 'directory');
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

async function namesBelow(directory: string, prefix: string, most: number): Promise<readonly string[]> {
  const folder = join(directory, prefix);
  const names: string[] = [];
  for (const entry of await onDisk('list', folder, () => readdir(folder, { withFileTypes: true }))) {
    const name = `${prefix}${entry.name}`;
    const fault = faultOfKind(entry);
    if (fault !== undefined) throw unfit(directory, name, fault);
    const named = faultOfNewName(name);
    if (named !== undefined) throw unfit(directory, name, named, RENAME);
    if (entry.isDirectory()) names.push(...(await namesBelow(directory, `${name}/`, most - names.length)));
    else names.push(name);
    if (names.length > most) throw unfit(directory, name, 'is one more file than a pack may have');
  }
  return names;
}

/**
 * Refuses names that are one on some systems: there, whoever unpacks gets one file for two.
 * @param names with slashes. @throws UsageError `USAGE`.
 */
export function verifyDistinct(directory: string, names: readonly string[]): void {
  const known = new Map<string, string>();
  for (const name of names) {
    const parts = name.split('/');
    for (const length of parts.keys()) {
      const path = parts.slice(0, length + 1).join('/');
      const other = known.get(foldName(path)) ?? path;
      if (other !== path)
        throw unfit(directory, path, `is ${quoted(other)} where case or accents do not count`, RENAME);
      known.set(foldName(path), path);
    }
  }
}

const RENAME = 'rename it: a pack is for every system';

function faultOfKind(entry: Dirent): string | undefined {
  if (entry.isSymbolicLink()) return 'is a link, which a pack cannot have';
  return entry.isFile() || entry.isDirectory() ? undefined : 'is no file and no directory';
}

const SEPARATE = 'put what belongs into the pack, and nothing else, into a directory of its own';

function unfit(directory: string, name: string, fault: string, hint = SEPARATE): UsageError {
  const what = `cannot pack ${directory}: ${quoted(name)} ${fault}`;
  return new UsageError('USAGE', what, { hint, details: { directory, name } });
}
