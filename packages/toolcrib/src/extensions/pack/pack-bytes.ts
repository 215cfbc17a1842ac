import type { FileHandle } from 'node:fs/promises';
import { onDisk } from '../../disk/storage-error.ts';
import type { PackRefusal } from './pack-refusal.ts';

/** A pack, read wherever it is needed. */
export interface PackBytes {
  /** In bytes. */
  readonly size: number;
  /**
   * Exactly these bytes; they may be part of a larger buffer, and nobody changes them.
   * @throws IntegrityError `MALFORMED` when they are not all there; RemoteError `STORAGE`; the signal's reason.
   */
  read(position: number, length: number): Promise<Buffer>;
}

/** Headers stand close together: what is small is read in pieces of this size. It holds the longest end of a ZIP. */
const WINDOW = 68 * 1024;

export interface PackBytesOptions {
  /** What the file is called in messages. */
  readonly what: string;
  readonly refusal: PackRefusal;
  readonly signal?: AbortSignal | undefined;
}

/** @throws RemoteError `STORAGE`; the signal's reason. */
export async function packBytes(source: FileHandle | Uint8Array, options: PackBytesOptions): Promise<PackBytes> {
  const { refusal, signal } = options;
  const raw = source instanceof Uint8Array ? inMemory(source) : await inFile(source, options);
  return {
    size: raw.size,
    async read(position, length) {
      signal?.throwIfAborted();
      if (position + length > raw.size) throw refusal.malformed('it points to bytes beyond its end');
      return await raw.read(position, length);
    },
  };
}

function inMemory(source: Uint8Array): PackBytes {
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  return {
    size: bytes.byteLength,
    read: (position, length) => Promise.resolve(bytes.subarray(position, position + length)),
  };
}

async function inFile(handle: FileHandle, { what, refusal }: PackBytesOptions): Promise<PackBytes> {
  const { size } = await onDisk('examine', what, () => handle.stat());
  let window: Buffer = Buffer.alloc(0);
  let start = 0;
  const readAt = async (position: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length;) {
      const { bytesRead } = await onDisk('read', what, () =>
        handle.read(bytes, filled, length - filled, position + filled),
      );
      if (bytesRead === 0) throw refusal.malformed('it became shorter while it was read');
      filled += bytesRead;
    }
    return bytes;
  };
  return {
    size,
    async read(position, length) {
      if (length > WINDOW) return await readAt(position, length);
      if (position < start || position + length > start + window.byteLength) {
        const from = Math.max(0, Math.min(position, size - WINDOW));
        window = await readAt(from, Math.min(WINDOW, size - from));
        start = from;
      }
      return window.subarray(position - start, position - start + length);
    },
  };
}
