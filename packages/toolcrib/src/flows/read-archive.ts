import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { isSystemError, NotFoundError } from '../core/errors.ts';
import { onDisk } from '../disk/storage-error.ts';
import { verifyArchive, type ArchiveInspection } from '../run/archive/verify.ts';
import type { Host } from './host.ts';

export type { ArchiveInspection } from '../run/archive/verify.ts';

/**
 * Reads a run archive once and checks all of it. A damaged or hostile one is an inspection with findings.
 * @throws NotFoundError `NOT_FOUND`; RemoteError `STORAGE`.
 */
export async function readArchive(host: Host, file: string): Promise<ArchiveInspection> {
  const path = resolve(host.cwd, file);
  await verifyIsFile(path);
  return await onDisk('read', path, () => verifyArchive(createReadStream(path), { signal: host.signal }));
}

async function verifyIsFile(path: string): Promise<void> {
  try {
    if ((await stat(path)).isFile()) return;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
  }
  throw new NotFoundError('NOT_FOUND', `no archive at ${path}`, { details: { path } });
}
