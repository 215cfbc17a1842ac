import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
  type Stats,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { EditError } from './text-edits.ts';

/** Bytes of a file that can be viewed or edited at most. */
const fileLimit = 10 * 1024 * 1024;

/** A regular file as it is now. */
export interface CurrentFile {
  readonly bytes: Buffer;
  readonly stats: Stats;
}

/** The file that a path means: links are followed, so that an edit changes the file and not the link. */
export function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw error;
  }
}

/**
 * Reads a file; undefined when there is none.
 *
 * @throws {EditError} when it is no regular file or larger than {@link fileLimit}.
 */
export function readCurrent(path: string): CurrentFile | undefined {
  const file = openExisting(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (file === undefined) return undefined;
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new EditError(`${path} is not a regular file. Use bash for it.`);
    return { bytes: readUpTo(file, fileLimit, path), stats };
  } finally {
    closeSync(file);
  }
}

/**
 * Writes a whole file. An existing one keeps its mode and owner. Written to a temporary file beside it and renamed
 * over it, so that nobody sees half of it; in place where that cannot be done: the directory is not writable, the file
 * is a mount point or has other hard links, or its owner could not be kept.
 */
export function writeWhole(path: string, bytes: Uint8Array, existing: Stats | undefined, random: string): void {
  if (existing !== undefined && existing.nlink > 1) {
    writeInPlace(path, bytes);
    return;
  }
  if (existing === undefined) mkdirSync(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path).slice(0, 100)}.sandbox-tools-${random}`);
  try {
    writeNew(temporary, bytes, existing);
    renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    if (existing === undefined && !isPlacing(error)) throw error;
    writeInPlace(path, bytes);
  }
}

/** Whether an error says that a file cannot be made or renamed in its directory, while it might be written in place. */
const isPlacing = (error: unknown): boolean => ['EACCES', 'EPERM', 'EROFS', 'EBUSY', 'EXDEV'].includes(codeOf(error));

function writeNew(path: string, bytes: Uint8Array, like: Stats | undefined): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o666);
  try {
    writeAll(file, bytes);
    if (like !== undefined) {
      const made = fstatSync(file);
      if (made.uid !== like.uid || made.gid !== like.gid) fchownSync(file, like.uid, like.gid);
      fchmodSync(file, like.mode & 0o7777);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeInPlace(path: string, bytes: Uint8Array): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK, 0o666);
  try {
    if (!fstatSync(file).isFile()) throw new EditError(`${path} is not a regular file. Use bash for it.`);
    writeAll(file, bytes);
    ftruncateSync(file, bytes.length);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, bytes.length - at, at);
}

function readUpTo(file: number, limit: number, path: string): Buffer {
  const parts: Buffer[] = [];
  for (let total = 0; ;) {
    const part = Buffer.allocUnsafe(65_536);
    const read = readSync(file, part);
    if (read === 0) return Buffer.concat(parts);
    total += read;
    if (total > limit) throw new EditError(`${path} is larger than ${limit} bytes. Use bash (head, sed, grep) for it.`);
    parts.push(part.subarray(0, read));
  }
}

function openExisting(path: string, flags: number): number | undefined {
  try {
    return openSync(path, flags);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'ENXIO') throw new EditError(`${path} is not a regular file. Use bash for it.`);
    throw error;
  }
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

/** The system's code of an error, for example `ENOENT`; empty when it has none. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
