import { stat, unlink } from 'node:fs/promises';
import type { ArtifactDescriptor } from '../core/artifact-descriptor.ts';
import { createDigester, type Digest } from '../core/digest.ts';
import { hasCode, IntegrityError, isSystemError, NotFoundError } from '../core/errors.ts';
import { readCopies, readVerified } from '../disk/digest-file.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';
import { onDisk, storageError } from '../disk/storage-error.ts';
import { discardTemporary, sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory, publishTemporary, writeFileAtomically } from '../disk/write-file.ts';
import type { BlobContext } from './blobs.ts';
import { recordUse } from './last-use.ts';
import type { ArtifactFile, Inventory } from './unpack-artifact.ts';
import {
  formatUnpackedRecord,
  readUnpackedRecord,
  UNPACKED_SCHEMA,
  unpackedRecordPath,
  unpackedTarPath,
  type UnpackedEntry,
  type UnpackedRecord,
} from './unpacked-record.ts';

/** The plain tar of an artifact, as it goes into sandboxes. */
export interface UnpackedArtifact {
  readonly tarDigest: Digest;
  /** In bytes. */
  readonly tarSize: number;
  /** In the order of the tar; every directory has an entry before what it holds. */
  readonly entries: readonly UnpackedEntry[];
  /** What the tree says of itself; null without a `toolcrib-artifact.json`. */
  readonly descriptor: ArtifactDescriptor | null;
  /** True when the artifact was a bare executable, which stands at `bin/<tool>`. */
  readonly bare: boolean;
  /**
   * Streams the tar, hashing it again; its last piece comes only when the whole matched.
   * @throws IntegrityError `DIGEST_MISMATCH`, `SIZE_MISMATCH`: the tar was changed on disk, and the next call of
   * `unpacked` makes it again; RemoteError `STORAGE`; the signal's reason.
   */
  readonly open: (signal?: AbortSignal) => AsyncIterable<Uint8Array>;
  /** The same bytes unverified, for who hashes what it streams: hashing twice costs as much as sending. */
  readonly openUnverified: (signal?: AbortSignal) => AsyncIterable<Uint8Array>;
  /**
   * Some bytes of the tar, unverified; fewer than asked for only at its end.
   * @throws NotFoundError `NOT_FOUND`; RemoteError `STORAGE`.
   */
  readonly readAt: (offset: number, length: number) => Promise<Uint8Array>;
  /** Forgets a tar that turned out to be changed: the next call of `unpacked` makes it again. */
  readonly discard: () => Promise<void>;
}

/** What names an artifact that is to be unpacked: {@link ArtifactFile} without its size. */
export type ArtifactSource = Omit<ArtifactFile, 'size'>;

/** The tar that was made before, when its record and its size still agree. */
export async function findUnpacked(
  context: BlobContext,
  source: Pick<ArtifactSource, 'digest' | 'tool'>,
): Promise<UnpackedArtifact | undefined> {
  const tar = unpackedTarPath(context.layout, source.digest);
  if (!(await recordUse(context, source.digest, tar, undefined))) return undefined;
  const record = await readUnpackedRecord(context.layout, source.digest);
  if (record === undefined || (record.tool !== null && record.tool !== source.tool)) return undefined;
  return fromRecord(context, record);
}

/**
 * Unpacks an artifact into the cache; where the cache cannot be written to, nothing is stored and every `open` unpacks
 * anew.
 * @throws as `unpackArtifact`.
 */
export async function makeUnpacked(
  context: BlobContext,
  source: ArtifactSource,
  signal: AbortSignal | undefined,
): Promise<UnpackedArtifact> {
  const artifact = { ...source, size: await sizeOf(source.path) };
  try {
    return fromRecord(context, await storeUnpacked(context, artifact, signal));
  } catch (error) {
    if (!hasCode(error, 'STORAGE')) throw error;
    return await unstored(artifact, signal);
  }
}

/** Late: what is unpacked already is found without it. */
const unpacking = () => import('./unpack-artifact.ts');

async function storeUnpacked(
  context: BlobContext,
  artifact: ArtifactFile,
  signal: AbortSignal | undefined,
): Promise<UnpackedRecord> {
  const { createInventory, MAX_UNPACKED_BYTES, unpackArtifact } = await unpacking();
  const { layout, clock } = context;
  const inventory = createInventory();
  await ensureDirectory(layout.unpacked);
  await sweepTemporaries(layout.unpacked, { now: clock.now() });
  const received = await receiveFile({
    directory: layout.unpacked,
    bytes: unpackArtifact(artifact, inventory, signal),
    maxBytes: 2 * MAX_UNPACKED_BYTES,
    what: `the unpacked ${artifact.path}`,
    signal,
  });
  const record = recordOf(artifact, inventory, received);
  try {
    await publishTemporary(received.path, unpackedTarPath(layout, artifact.digest));
  } catch (error) {
    await discardTemporary(received.path);
    throw error;
  }
  await writeFileAtomically(unpackedRecordPath(layout, artifact.digest), formatUnpackedRecord(record));
  return record;
}

function recordOf(artifact: ArtifactFile, inventory: Inventory, tar: { digest: Digest; size: number }): UnpackedRecord {
  return {
    schema: UNPACKED_SCHEMA,
    sourceDigest: artifact.digest,
    tool: inventory.bare ? artifact.tool : null,
    tarDigest: tar.digest,
    tarSize: tar.size,
    entries: inventory.entries,
    descriptor: inventory.descriptor,
  };
}

function fromRecord(context: BlobContext, record: UnpackedRecord): UnpackedArtifact {
  const path = unpackedTarPath(context.layout, record.sourceDigest);
  return {
    ...contentOf(record),
    open: (signal) => readStored(context, record, signal),
    openUnverified: (signal) => readCopies(path, { signal, followLinks: false }),
    readAt: (offset, length) => readPart(path, offset, length),
    discard: () => forget(unpackedRecordPath(context.layout, record.sourceDigest)),
  };
}

function contentOf(record: UnpackedRecord): Omit<UnpackedArtifact, 'open' | 'openUnverified' | 'readAt' | 'discard'> {
  const { tarDigest, tarSize, entries, descriptor, tool } = record;
  return { tarDigest, tarSize, entries, descriptor, bare: tool !== null };
}

async function* readStored(
  context: BlobContext,
  record: UnpackedRecord,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const path = unpackedTarPath(context.layout, record.sourceDigest);
  try {
    yield* readVerified(path, { digest: record.tarDigest, size: record.tarSize }, { signal, followLinks: false });
  } catch (error) {
    // Without its record it is made again.
    if (error instanceof IntegrityError) await forget(unpackedRecordPath(context.layout, record.sourceDigest));
    throw error;
  }
}

async function forget(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

async function unstored(artifact: ArtifactFile, signal: AbortSignal | undefined): Promise<UnpackedArtifact> {
  const { createInventory, unpackArtifact } = await unpacking();
  const inventory = createInventory();
  const digester = createDigester();
  for await (const piece of unpackArtifact(artifact, inventory, signal)) digester.update(piece);
  const record = recordOf(artifact, inventory, { size: digester.size, digest: digester.finish() });
  const open = (again?: AbortSignal) => unpackArtifact(artifact, createInventory(), again);
  const readAt = (offset: number, length: number) => partOf(open(signal), offset, length);
  return { ...contentOf(record), open, openUnverified: open, readAt, discard: () => Promise.resolve() };
}

async function readPart(path: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await openRegularFile(path, { followLinks: false });
  try {
    const { buffer, bytesRead } = await onDisk('read', path, () =>
      handle.read(Buffer.alloc(length), 0, length, offset),
    );
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

async function partOf(bytes: AsyncIterable<Uint8Array>, offset: number, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for await (const piece of bytes) {
    const part = piece.subarray(Math.max(0, offset - at), Math.max(0, offset + length - at));
    if (part.byteLength > 0) pieces.push(new Uint8Array(part));
    at += piece.byteLength;
    if (at >= offset + length) break;
  }
  return Buffer.concat(pieces);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) throw new NotFoundError('NOT_FOUND', `${path} is not there`, { cause: error });
    throw storageError(error, 'examine', path);
  }
}
