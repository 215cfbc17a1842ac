import type { Dirent } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { isTemporaryName } from '../disk/temporary.ts';
import { isAttestationName, MAX_ATTESTATION_BYTES } from './attestation-files.ts';
import { examineBlob } from './blobs.ts';
import {
  examinePack,
  listObstacles,
  listPackFiles,
  listPackPointers,
  manifestDigestFrom,
  type PackFile,
  type PackPointer,
} from './ext-store.ts';
import { ageOf, USE_TIMES } from './last-use.ts';
import { blobDigestFrom, KNOWN_DIRECTORIES, type CacheLayout } from './layout.ts';
import { leaseFrom } from './leases.ts';
import { listLeftovers } from './leftovers.ts';
import { listDirectory, statsOf } from './list-directory.ts';
import { listTrees, strangersAmongTrees, type StoredTree } from './trees.ts';
import { trustedRootDigestFrom } from './trusted-roots.ts';
import {
  examineUnpacked,
  readAnyRecord,
  unpackedRecordPath,
  unpackedSourceFrom,
  type UnpackedRecord,
} from './unpacked-record.ts';

/** Something in a cache that is not as it should be. */
export interface CacheFinding {
  /** Absolute. */
  readonly path: string;
  /**
   * `corrupt`: bytes that are not what the name or the record says; `foreign`: nothing that toolcrib put there;
   * `leftover`: a temporary file, a lease or an unfinished tree whose process is gone.
   */
  readonly kind: 'corrupt' | 'foreign' | 'leftover';
  /** What is wrong, a sentence without its end. */
  readonly reason: string;
}

/** How an audit reads. */
export interface AuditOptions {
  /** Wall clock, milliseconds since 1970. */
  readonly now: number;
  readonly signal?: AbortSignal | undefined;
  /** Default: trees are not compared. */
  readonly examineTree?: ExamineTree | undefined;
}

/**
 * Compares a tree with what its artifact's record says.
 * @returns what is wrong; undefined when nothing is.
 */
export type ExamineTree = (
  record: UnpackedRecord,
  path: string,
  signal: AbortSignal | undefined,
) => Promise<string | undefined>;

/**
 * Reads everything in a cache. It removes nothing.
 * @returns what is wrong, by path; a cache that is not there is in order.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function auditCache(layout: CacheLayout, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const findings = [...(await auditCacheNames(layout))];
  for (const entry of await listDirectory(layout.blobs)) findings.push(...(await auditBlob(layout, entry, options)));
  for (const entry of await listDirectory(layout.unpacked))
    findings.push(...(await auditUnpacked(layout, entry, options)));
  for (const entry of await listDirectory(layout.attestations))
    findings.push(...(await auditAttestations(layout, entry)));
  for (const entry of await listDirectory(layout.trustedRoots))
    findings.push(...(await auditTrustedRoot(layout, entry, options)));
  for (const file of await listPackFiles(layout)) findings.push(...(await auditPack(file, options)));
  for (const path of await listObstacles(layout)) findings.push(foreign(path));
  for (const pointer of await listPackPointers(layout)) findings.push(...(await auditPointer(pointer, options)));
  for (const { name } of await listDirectory(layout.leases)) {
    if (leaseFrom(name) === undefined) findings.push(foreign(join(layout.leases, name)));
  }
  for (const tree of await listTrees(layout)) findings.push(...(await auditTree(layout, tree, options)));
  for (const path of await strangersAmongTrees(layout)) findings.push(strangerAmongTrees(layout, path));
  for (const path of await listLeftovers(layout, options.now)) findings.push(leftover(path));
  return findings.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What stands beside the directories of a cache; reads no file. @throws RemoteError `STORAGE`. */
export async function auditCacheNames(layout: CacheLayout): Promise<readonly CacheFinding[]> {
  return [
    ...(await auditNames(layout.root, KNOWN_DIRECTORIES)),
    ...(await auditNames(join(layout.root, 'attestations'), ['sha256'])),
    ...(await auditNames(join(layout.root, 'blobs'), ['sha256'])),
  ];
}

async function auditBlob(layout: CacheLayout, entry: Dirent, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const path = join(layout.blobs, entry.name);
  const digest = blobDigestFrom(entry.name);
  if (digest === undefined) return auditStranger(layout.blobs, entry);
  if (entry.isDirectory())
    return [{ path, kind: 'foreign', reason: 'it keeps the artifact of that digest out: move it away' }];
  if (!entry.isFile()) return auditStranger(layout.blobs, entry);
  const state = await examineBlob(path, digest, options.signal);
  return state === 'corrupt' ? [{ path, kind: 'corrupt', reason: 'its bytes do not have the digest of its name' }] : [];
}

async function auditUnpacked(
  layout: CacheLayout,
  entry: Dirent,
  options: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const source = entry.isFile() ? unpackedSourceFrom(entry.name) : undefined;
  if (source === undefined) return auditStranger(layout.unpacked, entry);
  const path = join(layout.unpacked, entry.name);
  if (entry.name.endsWith('.tar')) return await auditTar(layout, path, source, options);
  const reason = await examineUnpacked(layout, source, options.signal);
  // A collection takes the record away first: without it nothing is wrong.
  if (reason === undefined || (await statsOf(path)) === undefined) return [];
  return [{ path, kind: 'corrupt', reason }];
}

/** The record comes after its tar, and goes before it: a tar alone for long is what a killed process left. */
async function auditTar(
  layout: CacheLayout,
  path: string,
  source: Digest,
  { now }: AuditOptions,
): Promise<readonly CacheFinding[]> {
  if ((await statsOf(unpackedRecordPath(layout, source))) !== undefined) return [];
  const written = (await statsOf(path))?.mtimeMs;
  return written === undefined || ageOf(written, now) < USE_TIMES.graceMs ? [] : [leftover(path)];
}

/** Attestations are signed, so their bytes speak for themselves; here their names and sizes count. */
async function auditAttestations(layout: CacheLayout, entry: Dirent): Promise<readonly CacheFinding[]> {
  const directory = join(layout.attestations, entry.name);
  if (!entry.isDirectory() || blobDigestFrom(entry.name) === undefined) return [foreign(directory)];
  const findings: CacheFinding[] = [];
  for (const file of await listDirectory(directory)) {
    const path = join(directory, file.name);
    if (!file.isFile() || !isAttestationName(file.name)) {
      findings.push(...auditStranger(directory, file));
    } else if (((await statsOf(path))?.size ?? 0) > MAX_ATTESTATION_BYTES) {
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
  if (digest === undefined) return auditStranger(layout.trustedRoots, entry);
  const state = await examineBlob(path, digest, options.signal);
  return state === 'corrupt' ? [{ path, kind: 'corrupt', reason: 'its bytes do not have the digest of its name' }] : [];
}

/** What has no note is the original resolver's: nobody can tell what it should be. */
async function auditPack(file: PackFile, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const { path, note } = file;
  const state = await examinePack(file, options.signal);
  if (state === 'no-pack') return [{ path, kind: 'corrupt', reason: 'it is no ZIP, and so no pack' }];
  if (state !== 'corrupt') return [];
  const whose = note === undefined ? 'its name' : 'the note beside it';
  return [{ path, kind: 'corrupt', reason: `its bytes do not have the digest of ${whose}` }];
}

/** A manifest is known by its digest. What a record says, the pack's own digest confirms or not. */
async function auditPointer({ path }: PackPointer, options: AuditOptions): Promise<readonly CacheFinding[]> {
  const digest = manifestDigestFrom(basename(path));
  if (digest === undefined || (await examineBlob(path, digest, options.signal)) !== 'corrupt') return [];
  return [{ path, kind: 'corrupt', reason: 'its bytes do not have the digest of its name' }];
}

/** Temporary files are no strangers: those whose process is gone are told as leftovers. */
function auditStranger(directory: string, entry: Dirent): readonly CacheFinding[] {
  return isTemporaryName(entry.name) ? [] : [foreign(join(directory, entry.name))];
}

async function auditNames(directory: string, known: readonly string[]): Promise<readonly CacheFinding[]> {
  const strangers = (await listDirectory(directory)).filter(
    (entry) => !entry.isDirectory() || !known.includes(entry.name),
  );
  return strangers.map((entry) => foreign(join(directory, entry.name)));
}

/** One whose record is not there cannot be compared. */
async function auditTree(
  layout: CacheLayout,
  { path, digest }: StoredTree,
  { examineTree, signal }: AuditOptions,
): Promise<readonly CacheFinding[]> {
  const record = examineTree && (await readAnyRecord(layout, digest));
  if (record === undefined) return [];
  try {
    const reason = await examineTree?.(record, path, signal);
    return reason === undefined || (await statsOf(path)) === undefined ? [] : [{ path, kind: 'corrupt', reason }];
  } catch (error) {
    if (hasCode(error, 'STORAGE') && (await statsOf(path)) === undefined) return []; // a collection took it meanwhile
    throw error;
  }
}

/** Overlays of trees are refused while something is in the directory that has to be empty. */
function strangerAmongTrees({ empty }: CacheLayout, path: string): CacheFinding {
  if (dirname(path) !== empty && path !== empty) return foreign(path);
  return { path, kind: 'foreign', reason: 'it keeps trees from being mounted: move it away' };
}

function leftover(path: string): CacheFinding {
  return { path, kind: 'leftover', reason: 'the process that wrote it is gone' };
}

function foreign(path: string): CacheFinding {
  return { path, kind: 'foreign', reason: 'toolcrib did not put it there' };
}
