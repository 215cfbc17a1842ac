import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, isSystemError, RemoteError } from '../core/errors.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallText } from '../disk/small-file.ts';
import { storageError } from '../disk/storage-error.ts';
import { verifyWritable } from '../disk/writable-directory.ts';
import { ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';

/** In bytes; a record has some hundred. */
const MAX_RECORD = 64 * 1024;

/** What the system says of one file: others of the ledger can be read, and are not to be given up for it. */
const UNREADABLE: readonly unknown[] = ['EISDIR', 'EACCES', 'EPERM', 'EIO'];

/**
 * Reads a small JSON file of the ledger.
 * @returns undefined when there is none, or what is there is no JSON, too large, no file, or cannot be read.
 * @throws RemoteError `STORAGE` for what does not lie with that file, e.g. too many that are open.
 */
export async function readRecord(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readSmallText(path, MAX_RECORD, { followLinks: false }));
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'NOT_FOUND', 'TOO_LARGE')) return undefined;
    if (isIrregular(error) || isUnreadable(error)) return undefined;
    throw error;
  }
}

function isUnreadable(error: unknown): boolean {
  return hasCode(error, 'STORAGE') && UNREADABLE.includes(error.details['system']);
}

/**
 * Writes a small JSON file of the ledger, all at once. Nobody waits for the disk: with the power containers go, too, and
 * what then cannot be read is no record.
 * @throws RemoteError `STORAGE`.
 */
export async function writeRecord(directory: string, name: string, record: object): Promise<void> {
  await explained(async () => {
    await ensureDirectory(directory);
    await writeFileAtomically(join(directory, name), `${JSON.stringify(record, null, 2)}\n`, { durable: false });
  });
}

/** Writes a record that can be done without, where there is room for it and this user may. */
export async function tryToRecord(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
  }
}

/** Fails as writing would, as far as that can be told without it. @throws RemoteError `STORAGE`. */
export async function verifyLedger(directory: string): Promise<void> {
  await explained(() => verifyWritable(directory));
}

const LOCKED_UP = 'the ledger forgets what is taken away before it goes: let this user write there';
const ELSEWHERE =
  'set TOOLCRIB_LEDGER_DIR to a directory that this user can write, for every command: artifacts still come from the cache';
const FULL: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

/** Another cache would not have the artifacts of this one; another ledger is enough. */
async function explained(write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    const isFull = hasCode(error, 'STORAGE') && FULL.includes(error.details['system']);
    throw ledgerError(error, isFull ? `free space there, or ${ELSEWHERE}` : ELSEWHERE);
  }
}

/** One that is not there is fine. @throws RemoteError `STORAGE`. */
export async function removeRecord(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw ledgerError(storageError(error, 'remove', path), LOCKED_UP);
  }
}

/** A failure of the disk as one of the ledger. */
function ledgerError(error: unknown, hint: string): unknown {
  if (!hasCode(error, 'STORAGE')) return error;
  const { message, details } = error;
  return new RemoteError('STORAGE', `the ledger of placements: ${message}`, { hint, details, cause: error });
}

/** Names of files in a directory that need not be there. @throws RemoteError `STORAGE`. */
export async function recordNames(directory: string): Promise<readonly string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', directory);
  }
}
