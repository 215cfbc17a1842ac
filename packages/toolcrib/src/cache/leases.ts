import { randomBytes } from 'node:crypto';
import { unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestFromHex, digestHex, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import {
  formatIdentity,
  identityFrom,
  livenessOf,
  ownIdentity,
  type ProcessIdentity,
} from '../disk/process-identity.ts';
import { onDisk } from '../disk/storage-error.ts';
import { ABANDONED_AFTER_MS } from '../disk/temporary.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import type { CacheLayout } from './layout.ts';
import { listDirectory, statsOf } from './list-directory.ts';

/** Says that this process uses a blob: it is not to be collected until the lease is released or the process ended. */
export interface Lease extends AsyncDisposable {
  release(): Promise<void>;
}

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
    if (hasCode(error, 'STORAGE')) return leaseWith(() => Promise.resolve());
    throw error;
  }
  return leaseWith(() => unlink(path).catch(() => undefined));
}

function leaseWith(release: Lease['release']): Lease {
  return { release, [Symbol.asyncDispose]: release };
}

/**
 * What processes say that they use. A process of another machine, boot or pid namespace cannot be asked whether it
 * lives: its lease counts for {@link ABANDONED_AFTER_MS}.
 * @param now wall clock, milliseconds since 1970.
 * @throws RemoteError `STORAGE`.
 */
export async function leasedDigests(layout: CacheLayout, now: number): Promise<ReadonlySet<Digest>> {
  const leased = new Set<Digest>();
  for (const { name } of await listDirectory(layout.leases)) {
    const lease = leaseFrom(name);
    if (lease !== undefined && !(await isOver(join(layout.leases, name), lease.holder, now))) leased.add(lease.digest);
  }
  return leased;
}

/**
 * Leases of processes that are gone; `kill -9` leaves them.
 * @param now wall clock, milliseconds since 1970.
 * @returns absolute paths.
 * @throws RemoteError `STORAGE`.
 */
export async function abandonedLeases(layout: CacheLayout, now: number): Promise<readonly string[]> {
  const abandoned: string[] = [];
  for (const { name } of await listDirectory(layout.leases)) {
    const lease = leaseFrom(name);
    const path = join(layout.leases, name);
    if (lease !== undefined && (await isOver(path, lease.holder, now))) abandoned.push(path);
  }
  return abandoned;
}

/** Undefined for a file that is no lease. */
export function leaseFrom(name: string): { readonly digest: Digest; readonly holder: ProcessIdentity } | undefined {
  const groups = /^(?<hex>[0-9a-f]{64})-(?<holder>.+)-[0-9a-f]{16}$/.exec(name)?.groups;
  const digest = digestFromHex(groups?.['hex'] ?? '');
  const holder = identityFrom(groups?.['holder'] ?? '');
  return digest === undefined || holder === undefined ? undefined : { digest, holder };
}

async function isOver(path: string, holder: ProcessIdentity, now: number): Promise<boolean> {
  const liveness = livenessOf(holder);
  if (liveness !== 'unknown') return liveness === 'dead';
  const made = (await statsOf(path))?.mtimeMs;
  return made === undefined || now - made > ABANDONED_AFTER_MS;
}
