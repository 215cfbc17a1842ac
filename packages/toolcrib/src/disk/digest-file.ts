import { closeSync, readSync, type BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDigester, verifyExpected, type Digest, type Expected } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { openRegularFile, openRegularFileSync, type OpenOptions } from './open-regular-file.ts';
import { onDisk, storageError } from './storage-error.ts';

/** Big enough that the calls do not count, small enough for two to stay in the processor's cache. */
const BLOCK = 256 * 1024;

/** After so many blocks, about a millisecond, whatever else this process does has its turn: a signal is heard. */
const BLOCKS_A_TURN = 4;

/** What a file holds. */
export interface MeasuredFile {
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/** How a file is hashed. */
export interface DigestOptions extends OpenOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a file is read. */
export interface ReadOptions extends DigestOptions {
  /** Told of the very file that is read, whatever its path leads to by then: before its first byte, and behind its last. */
  readonly onSight?: ((stats: BigIntStats) => void) | undefined;
}

/**
 * Hashes a file. Who hashes a block reads it: waking another thread up for that takes as long as reading it does, and the
 * block would be in another processor's cache.
 * @throws NotFoundError `NOT_FOUND` when there is no such file; RemoteError `STORAGE`, also for a pipe; the signal's reason.
 */
export async function digestFile(path: string, options: DigestOptions = {}): Promise<MeasuredFile> {
  const fd = openRegularFileSync(path, options);
  const digester = createDigester();
  let blocks = 0;
  try {
    for (const block of blocksNow(fd, path)) {
      digester.update(block);
      blocks += 1;
      if (blocks % BLOCKS_A_TURN === 0) await nextTurn();
      options.signal?.throwIfAborted();
    }
  } finally {
    closeSync(fd);
  }
  return { digest: digester.finish(), size: digester.size };
}

/** The blocks of a file, the last one empty; each is valid until the next is asked for. @throws RemoteError `STORAGE`. */
function* blocksNow(fd: number, path: string): Generator<Uint8Array> {
  const block = Buffer.allocUnsafeSlow(BLOCK);
  for (let length = BLOCK; length > 0;) {
    try {
      length = readSync(fd, block);
    } catch (error) {
      throw storageError(error, 'read', path);
    }
    yield block.subarray(0, length);
  }
}

/**
 * Compares a file with what is expected of it.
 * @returns what was measured.
 * @throws IntegrityError `SIZE_MISMATCH`, `DIGEST_MISMATCH`; as {@link digestFile}.
 */
export async function verifyFile(path: string, expected: Expected, options: DigestOptions = {}): Promise<MeasuredFile> {
  const measured = await digestFile(path, options);
  verifyExpected(path, expected, measured);
  return measured;
}

/**
 * Reads a file out, hashing it again. The last piece is held back until the digest of the whole matched, so that nobody
 * gets all of a file that is not what was expected. A piece is the reader's to keep.
 * @throws as {@link verifyFile}, while iterating.
 */
export async function* readVerified(
  path: string,
  expected: Expected,
  options: DigestOptions = {},
): AsyncGenerator<Uint8Array> {
  const digester = createDigester();
  let held: Uint8Array | undefined;
  for await (const block of readBlocks(path, options)) {
    digester.update(block);
    // Before the piece held back goes out: it may be the last of what was expected.
    refuseExcess(path, expected, digester.size);
    if (held !== undefined) yield held;
    held = new Uint8Array(block);
  }
  verifyExpected(path, expected, { digest: digester.finish(), size: digester.size });
  if (held !== undefined) yield held;
}

function refuseExcess(path: string, expected: Expected, size: number): void {
  if (expected.size === undefined || size <= expected.size) return;
  throw new IntegrityError('SIZE_MISMATCH', `${path} has more than the expected ${expected.size} bytes`, {
    hint: 'the file was changed',
    details: { path, expected: expected.size },
  });
}

/**
 * Reads one block while another is worked on.
 * @returns blocks that are reused: one is valid until the next is asked for.
 * @throws NotFoundError `NOT_FOUND`; RemoteError `STORAGE`; the signal's reason.
 */
export async function* readBlocks(path: string, options: ReadOptions): AsyncGenerator<Uint8Array> {
  const handle = await openRegularFile(path, options);
  const { onSight } = options;
  const look = async (): Promise<void> => {
    if (onSight !== undefined) onSight(await onDisk('examine', path, () => handle.stat({ bigint: true })));
  };
  let [block, spare] = [Buffer.allocUnsafeSlow(BLOCK), Buffer.allocUnsafeSlow(BLOCK)];
  let reading = Promise.resolve(0);
  try {
    await look();
    reading = readBlock(handle, block, path);
    for (;;) {
      const length = await reading;
      options.signal?.throwIfAborted();
      if (length === 0) break;
      reading = readBlock(handle, spare, path);
      yield block.subarray(0, length);
      [block, spare] = [spare, block];
    }
    await look();
  } finally {
    await reading.catch(() => undefined);
    await handle.close();
  }
}

/**
 * As {@link readBlocks}, for who holds a block back while more is read: each is the reader's to keep.
 * @throws as {@link readBlocks}.
 */
export async function* readCopies(path: string, options: ReadOptions): AsyncGenerator<Uint8Array> {
  for await (const block of readBlocks(path, options)) yield new Uint8Array(block);
}

function readBlock(handle: FileHandle, block: Uint8Array, path: string): Promise<number> {
  const reading = handle.read(block, 0, block.byteLength).then(
    ({ bytesRead }) => bytesRead,
    (error: unknown) => {
      throw storageError(error, 'read', path);
    },
  );
  reading.catch(() => undefined);
  return reading;
}
