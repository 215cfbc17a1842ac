import type { FileHandle } from 'node:fs/promises';
import { createDigester, verifyExpected, type Digest, type Digester, type Expected } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import { abortable } from './abortable.ts';
import { onDisk, storageError } from './storage-error.ts';
import { createTemporary, discardTemporary, type TemporaryFile } from './temporary.ts';

/** Bytes are collected to blocks of this size before they are hashed and written. */
const BLOCK = 1024 * 1024;

/** After so many blocks the system is asked to bring them to the disk while more come, so that little is left to wait for. */
const BLOCKS_TO_SYNC = 8;

/** What is to be received, and where to. */
export interface ReceiveOptions {
  /** Where the temporary file is made: the directory of its final name. It exists. */
  readonly directory: string;
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Undefined when nobody knows yet: then the caller decides on what was measured. */
  readonly expected?: Expected | undefined;
  /** No more bytes than this are ever written. */
  readonly maxBytes: number;
  /** In bytes as the sender says it. Not believed, but what is too much by its own word is not received. */
  readonly announced?: number | undefined;
  /** Permission bits exactly as given; without it 0o666 less the umask. */
  readonly mode?: number;
  /**
   * False where every reader finds out by the digest what was lost with the power: then nobody waits for the disk.
   * Default: true.
   */
  readonly durable?: boolean;
  /** Called with the number of bytes of each piece that came. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** What the bytes are, for messages, e.g. a URL. */
  readonly what: string;
}

/** A temporary file with all bytes in it; the caller renames, links or discards it. */
export interface ReceivedFile {
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
}

/**
 * Copies bytes into a temporary file, synced at the end, hashing exactly what is written (a producer that changes a piece
 * after it handed it over changes nothing). On any failure the file is gone and the iteration of `bytes` was ended.
 * @throws IntegrityError `TOO_LARGE`, `SIZE_MISMATCH`, `DIGEST_MISMATCH`; RemoteError `STORAGE`; what `bytes` throws; the
 * signal's reason.
 */
export async function receiveFile(options: ReceiveOptions): Promise<ReceivedFile> {
  options.signal?.throwIfAborted();
  const file = await createTemporary(options.directory, options.mode);
  try {
    return await receiveInto(file, options);
  } catch (error) {
    await discardTemporary(file.path);
    throw error;
  }
}

async function receiveInto(file: TemporaryFile, options: ReceiveOptions): Promise<ReceivedFile> {
  try {
    const measured = await copy(file, options);
    if (options.expected !== undefined) verifyExpected(options.what, options.expected, measured);
    await onDisk('write', file.path, () => settle(file.handle, options));
    options.signal?.throwIfAborted();
    return { path: file.path, ...measured };
  } finally {
    await file.handle.close();
  }
}

async function settle(handle: FileHandle, { mode, durable = true }: ReceiveOptions): Promise<void> {
  if (mode !== undefined) await handle.chmod(mode);
  if (durable) await handle.sync();
}

async function copy(file: TemporaryFile, options: ReceiveOptions): Promise<{ digest: Digest; size: number }> {
  const writer = new BlockWriter(file, options.durable ?? true);
  try {
    for await (const piece of abortable(options.bytes, options.signal)) {
      refuseExcess(options, Math.max(writer.size + piece.byteLength, options.announced ?? 0));
      await writer.write(piece);
      options.onBytes?.(piece.byteLength);
    }
    return await writer.finish();
  } finally {
    await writer.settle();
  }
}

function refuseExcess(options: ReceiveOptions, size: number): void {
  const { expected, maxBytes, what } = options;
  if (expected?.size !== undefined && size > expected.size) {
    throw new IntegrityError('SIZE_MISMATCH', `${what} has more than the expected ${expected.size} bytes`, {
      hint: 'these are not the pinned bytes; nothing of them was kept',
      details: { expected: expected.size },
    });
  }
  if (size > maxBytes) {
    throw new IntegrityError('TOO_LARGE', `${what} has more than the allowed ${maxBytes} bytes`, {
      hint: 'nothing of it was kept',
      details: { maxBytes },
    });
  }
}

/** Hashes a block while the system writes it, with two blocks in turn. */
class BlockWriter {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #durable: boolean;
  readonly #digester: Digester = createDigester();
  #block = Buffer.allocUnsafeSlow(BLOCK);
  #spare = Buffer.allocUnsafeSlow(BLOCK);
  #filled = 0;
  #size = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #syncing: Promise<unknown> = Promise.resolve();
  #blocks = 0;

  constructor(file: TemporaryFile, durable: boolean) {
    this.#path = file.path;
    this.#handle = file.handle;
    this.#durable = durable;
  }

  /** Bytes taken so far. */
  get size(): number {
    return this.#size;
  }

  async write(piece: Uint8Array): Promise<void> {
    for (let from = 0; from < piece.byteLength;) {
      const part = piece.subarray(from, from + BLOCK - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.byteLength;
      from += part.byteLength;
      if (this.#filled === BLOCK) await this.#flush();
    }
    this.#size += piece.byteLength;
  }

  async finish(): Promise<{ digest: Digest; size: number }> {
    await this.#flush();
    await Promise.all([this.#writing, this.#syncing]);
    return { digest: this.#digester.finish(), size: this.#size };
  }

  /** Waits for a write that is under way, whose failure was told already or does not matter any more. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#syncing.catch(() => undefined);
  }

  async #flush(): Promise<void> {
    await this.#writing;
    if (this.#durable && ++this.#blocks % BLOCKS_TO_SYNC === 0) this.#sync();
    const full = this.#block.subarray(0, this.#filled);
    this.#writing = writeAll(this.#handle, full).catch((error: unknown) => {
      throw storageError(error, 'write', this.#path);
    });
    this.#writing.catch(() => undefined);
    this.#digester.update(full);
    [this.#block, this.#spare] = [this.#spare, this.#block];
    this.#filled = 0;
  }

  /** A failure counts: the system tells it once, so the sync at the end may not see it again. */
  #sync(): void {
    const before = this.#syncing;
    this.#syncing = (async () => {
      await before;
      await onDisk('write', this.#path, () => this.#handle.datasync());
    })();
    this.#syncing.catch(() => undefined);
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    written += (await handle.write(bytes, written)).bytesWritten;
  }
}
