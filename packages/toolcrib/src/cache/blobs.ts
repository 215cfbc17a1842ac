import { unlink } from 'node:fs/promises';
import { digestHex, type Digest } from '../core/digest.ts';
import { hasCode, messageOf } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { digestFile } from '../disk/digest-file.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { receiveFile } from '../disk/receive-file.ts';
import { discardTemporary, sweepTemporaries } from '../disk/temporary.ts';
import { ensureDirectory, publishTemporary } from '../disk/write-file.ts';
import { recordUseUnlocked, type UseContext } from './last-use.ts';
import { blobPath } from './layout.ts';

/** Bytes that are to enter the cache. */
export interface BlobContent {
  /** What they are, for messages, e.g. a URL. */
  readonly what: string;
  /** In bytes, when it is known. */
  readonly size?: number;
  /** No more bytes than this are ever written. */
  readonly maxBytes: number;
  /**
   * False for what can be fetched again: nobody waits until the disk has it. A blob is hashed each time before it is handed
   * out, so one that lost its bytes with the power is found out, removed and comes again. Default: true.
   */
  readonly durable?: boolean;
  /** Yields the bytes; its iteration is ended on every way out. */
  open(): AsyncIterable<Uint8Array>;
  /** Called with the number of bytes of each piece that came. */
  readonly onBytes?: (bytes: number) => void;
}

/** What blobs need from the process. */
export interface BlobContext extends UseContext {
  readonly reporter: Reporter;
}

/** Whether there is a file for a digest, and whether its bytes are right. */
export type BlobState = 'sound' | 'absent' | 'corrupt';

/** Recomputes the digest. @throws RemoteError `STORAGE`; the signal's reason. */
export async function examineBlob(path: string, digest: Digest, signal: AbortSignal | undefined): Promise<BlobState> {
  try {
    return (await digestFile(path, { signal, followLinks: false })).digest === digest ? 'sound' : 'corrupt';
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return 'absent';
    if (isIrregular(error)) return 'corrupt';
    throw error;
  }
}

/**
 * Looks for a blob while holding its lock; a corrupt one is removed.
 * @returns its path, undefined when there is none.
 */
export async function findLocked(
  context: BlobContext,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const path = blobPath(context.layout, digest);
  // No collection removes what somebody holds the lock of.
  await recordUseUnlocked(path, context.clock.now(), context.times);
  const state = await examineBlob(path, digest, signal);
  if (state === 'sound') return path;
  if (state === 'corrupt') await removeCorrupt(context, path);
  return undefined;
}

/**
 * Verifies bytes and makes them a blob. What stood there under that name is replaced.
 * @returns the blob's path.
 * @throws IntegrityError as {@link receiveFile}, and nothing is left then; RemoteError `STORAGE`; what `open` throws.
 */
export async function admitBlob(
  context: BlobContext,
  digest: Digest,
  content: BlobContent,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { layout, clock } = context;
  const { durable = true } = content;
  await ensureDirectory(layout.blobs);
  await sweepTemporaries(layout.blobs, { now: clock.now() });
  const received = await receiveFile({
    directory: layout.blobs,
    bytes: content.open(),
    expected: { digest, ...(content.size !== undefined && { size: content.size }) },
    maxBytes: content.maxBytes,
    what: content.what,
    durable,
    signal,
    ...(content.onBytes !== undefined && { onBytes: content.onBytes }),
  });
  const path = blobPath(layout, digest);
  try {
    await publishTemporary(received.path, path, { durable });
  } catch (error) {
    await discardTemporary(received.path);
    throw error;
  }
  return path;
}

/** A cache that cannot be written to keeps its corrupt blob, which is never handed out. */
async function removeCorrupt(context: BlobContext, path: string): Promise<void> {
  const name = digestHex(`sha256:${path.slice(-64)}`);
  let outcome = 'it was removed';
  try {
    await unlink(path);
  } catch (error) {
    outcome = `it could not be removed (${messageOf(error)})`;
  }
  context.reporter.notice({
    kind: 'warning',
    text: `the cached blob ${name} is not what its name says; ${outcome}`,
    hint: '"toolcrib cache verify" checks the others',
  });
}
