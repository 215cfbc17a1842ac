import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isSystemError, UsageError } from '../../core/errors.ts';
import { storageError } from '../../disk/storage-error.ts';
import { createSmallFileOnce, ensureDirectory } from '../../disk/write-file.ts';
import { createEphemeralKey, formatRedactionKeyFile, parseRedactionKeyFile, type RedactionKey } from './key.ts';
import type { Random } from '../run-spec.ts';

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * Reads a key file that the user named.
 * @throws UsageError `USAGE` when it is not there or not a key; RemoteError `STORAGE`.
 */
export async function readRedactionKey(path: string): Promise<RedactionKey> {
  const key = await keyAt(path);
  if (key !== undefined) return key;
  throw new UsageError('USAGE', `there is no redaction key at ${path}`, {
    hint: 'a key that is named has to be there: name that of the host whose placeholders are to compare, or none',
    details: { path },
  });
}

/**
 * The key of this host. The first call makes it, readable by its owner alone; of racing first calls one makes it and all
 * get the same.
 * @throws UsageError `USAGE` when what is there is not a key; RemoteError `STORAGE`.
 */
export async function hostRedactionKey(path: string, random: Random): Promise<RedactionKey> {
  const existing = await keyAt(path);
  if (existing !== undefined) return existing;
  const text = formatRedactionKeyFile(createEphemeralKey(random).bytes);
  await ensureDirectory(dirname(path), DIRECTORY_MODE);
  await createSmallFileOnce(path, text, { mode: FILE_MODE });
  return await readRedactionKey(path);
}

async function keyAt(path: string): Promise<RedactionKey | undefined> {
  try {
    return parseRedactionKeyFile(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'read', path);
  }
}
