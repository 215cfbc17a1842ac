import { randomBytes } from 'node:crypto';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { formatIdentity, ownIdentity } from '../disk/process-identity.ts';
import { onDisk } from '../disk/storage-error.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import type { CacheLayout } from './layout.ts';

/** Says that this process uses a blob: it is not to be collected until the lease is released or the process ended. */
export interface Lease {
  release(): Promise<void>;
}

const NOTHING: Lease = { release: () => Promise.resolve() };

/**
 * Makes `leases/<hex>-<host>-<pid>-<start>-<random>`, an empty file whose name says it all. Where the cache cannot be
 * written to, nothing can be collected either, and the lease is an empty word.
 */
export async function createLease(layout: CacheLayout, digest: Digest): Promise<Lease> {
  const random = randomBytes(8).toString('hex');
  const path = join(layout.leases, `${digestHex(digest)}-${formatIdentity(ownIdentity())}-${random}`);
  try {
    await ensureDirectory(layout.leases);
    await onDisk('create', path, () => writeFile(path, '', { flag: 'wx' }));
  } catch (error) {
    if (hasCode(error, 'STORAGE')) return NOTHING;
    throw error;
  }
  return { release: () => unlink(path).catch(() => undefined) };
}
