import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { isSystemError } from '../core/errors.ts';
import { isAbandoned, isTemporaryName } from '../disk/temporary.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import { isAttestationName, MAX_ATTESTATION_BYTES } from './attestation-files.ts';
import { examineBlob } from './blobs.ts';
import { blobDigestFrom, KNOWN_DIRECTORIES, type CacheLayout } from './layout.ts';
import { trustedRootDigestFrom } from './trusted-roots.ts';
import { examineUnpacked, unpackedSourceFrom } from './unpacked-record.ts';

/** Something in a cache that is not as it should be. */
export interface CacheFinding {
  /** Absolute. */
  readonly path: string;
  /**
   * `corrupt`: bytes that are not what the name or the record says; `foreign`: nothing that toolcrib put there;
   * `leftover`: a temporary file whose process is gone, which the next download takes away.
   */
  readonly kind: 'corrupt' | 'foreign' | 'leftover';
  /** What is wrong, a sentence without its end. */
  readonly reason: string;
}

/** A blob as `cache ls` lists it. Its bytes were not checked. */
export interface CachedBlob {
  readonly digest: Digest;
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** When it came, milliseconds since 1970. */
  readonly addedAt: number;
}

/** How an audit reads. */
export interface AuditOptions {
  /** Wall clock, milliseconds since 1970. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads everything in a cache. It removes nothing.
 * @returns what is wrong, by path; a cache that is not there is in order.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function auditCache(layout: CacheLayout, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const findings = [
    ...(await auditNames(layout.root, KNOWN_DIRECTORIES)),
    ...(await auditNames(join(layout.root, 'attestations'), ['sha256'])),
    ...(await auditNames(join(layout.root, 'blobs'), ['sha256'])),
  ];
  for (const entry of await entriesOf(layout.blobs)) findings.push(...(await auditBlob(layout, entry, options)));
  for (const entry of await entriesOf(layout.unpacked)) findings.push(...(await auditUnpacked(layout, entry, options)));
  for (const entry of await entriesOf(layout.attestations))
    findings.push(...(await auditAttestations(layout, entry, options)));
  for (const entry of await entriesOf(layout.trustedRoots))
    findings.push(...(await auditTrustedRoot(layout, entry, options)));
  for (const entry of await entriesOf(layout.leases))
    findings.push(...(await auditTemporary(layout.leases, entry, options)));
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Blobs of a cache, by digest.
 * @throws RemoteError `STORAGE`.
 */
export async function listBlobs(layout: CacheLayout): Promise<readonly CachedBlob[]> {
  const blobs: CachedBlob[] = [];
  for (const entry of await entriesOf(layout.blobs)) {
    const digest = entry.isFile() ? blobDigestFrom(entry.name) : undefined;
    if (digest === undefined) continue;
    const path = join(layout.blobs, entry.name);
    const { size, mtimeMs } = await onDisk('examine', path, () => lstat(path));
    blobs.push({ digest, path, size, addedAt: mtimeMs });
  }
  return blobs;
}

async function auditBlob(layout: CacheLayout, entry: Dirent, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const path = join(layout.blobs, entry.name);
  const digest = entry.isFile() ? blobDigestFrom(entry.name) : undefined;
  if (digest === undefined) return auditStranger(layout.blobs, entry, options);
  const state = await examineBlob(path, digest, options.signal);
  return state === 'corrupt' ? [{ path, kind: 'corrupt', reason: 'its bytes do not have the digest of its name' }] : [];
}

async function auditUnpacked(
  layout: CacheLayout,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const source = entry.isFile() ? unpackedSourceFrom(entry.name) : undefined;
  if (source === undefined) return auditStranger(layout.unpacked, entry, options);
  if (entry.name.endsWith('.tar')) return [];
  const path = join(layout.unpacked, entry.name);
  const reason = await examineUnpacked(layout, source, options.signal);
  return reason === undefined ? [] : [{ path, kind: 'corrupt', reason }];
}

/** Attestations are signed, so their bytes speak for themselves; here their names and sizes count. */
async function auditAttestations(
  layout: CacheLayout,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const directory = join(layout.attestations, entry.name);
  if (!entry.isDirectory() || blobDigestFrom(entry.name) === undefined) return [foreign(directory)];
  const findings: CacheFinding[] = [];
  for (const file of await entriesOf(directory)) {
    const path = join(directory, file.name);
    if (!file.isFile() || !isAttestationName(file.name)) {
      findings.push(...(await auditStranger(directory, file, options)));
    } else if ((await sizeOf(path)) > MAX_ATTESTATION_BYTES) {
      findings.push({ path, kind: 'corrupt', reason: `it has more than ${MAX_ATTESTATION_BYTES} bytes` });
    }
  }
  return findings;
}

async function auditTrustedRoot(
  layout: CacheLayout,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const path = join(layout.trustedRoots, entry.name);
  const digest = entry.isFile() ? trustedRootDigestFrom(entry.name) : undefined;
  if (digest === undefined) return auditStranger(layout.trustedRoots, entry, options);
  const state = await examineBlob(path, digest, options.signal);
  return state === 'corrupt' ? [{ path, kind: 'corrupt', reason: 'its bytes do not have the digest of its name' }] : [];
}

/** 0 for a file that was removed meanwhile. */
async function sizeOf(path: string): Promise<number> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  });
  return stats?.size ?? 0;
}

async function auditStranger(
  directory: string,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  if (isTemporaryName(entry.name)) return auditTemporary(directory, entry, options);
  return [foreign(join(directory, entry.name))];
}

async function auditTemporary(
  directory: string,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const path = join(directory, entry.name);
  if (!isTemporaryName(entry.name) || !(await isAbandoned(path, options))) return [];
  return [{ path, kind: 'leftover', reason: 'the process that wrote it is gone' }];
}

async function auditNames(directory: string, known: readonly string[]): Promise<readonly CacheFinding[]> {
  const strangers = (await entriesOf(directory)).filter((entry) => !entry.isDirectory() || !known.includes(entry.name));
  return strangers.map((entry) => foreign(join(directory, entry.name)));
}

function foreign(path: string): CacheFinding {
  return { path, kind: 'foreign', reason: 'toolcrib did not put it there' };
}

/** Sorted by name; a directory that is not there has none. */
async function entriesOf(directory: string): Promise<readonly Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw storageError(error, 'list', directory);
  }
}
