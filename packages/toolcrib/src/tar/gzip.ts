import { pipeline, Readable } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { IntegrityError, isSystemError, messageOf } from '../core/errors.ts';

/** Level and block size are part of the format: another one gives other bytes. */
const LEVEL = 6;
const BLOCK_BYTES = 64 * 1024;
/** Unpacked at once, and how far ahead of whoever reads: then both work at the same time. */
const UNPACKING = { chunkSize: 256 * 1024, highWaterMark: 1024 * 1024 };
/** Where RFC 1952 keeps the operating system, and its value for "unknown". */
const OS_OFFSET = 9;
const OS_UNKNOWN = 255;

/**
 * Compresses deterministically: time 0, operating system "unknown", one level. The cuts of the input do not matter.
 */
export async function* gzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const deflater = createGzip({ level: LEVEL, chunkSize: BLOCK_BYTES });
  pipeline(Readable.from(inBlocks(bytes), { objectMode: false }), deflater, () => undefined);
  let first = true;
  for await (const chunk of asBytes(deflater)) {
    if (first) chunk[OS_OFFSET] = OS_UNKNOWN;
    first = false;
    yield chunk;
  }
}

/** The same bytes in blocks of one size, so that zlib never sees where its input was cut. */
async function* inBlocks(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let block = Buffer.allocUnsafe(BLOCK_BYTES);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let at = 0; at < chunk.byteLength;) {
      const piece = chunk.subarray(at, at + BLOCK_BYTES - filled);
      block.set(piece, filled);
      filled += piece.byteLength;
      at += piece.byteLength;
      if (filled < BLOCK_BYTES) continue;
      yield block;
      block = Buffer.allocUnsafe(BLOCK_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

/**
 * Decompresses as a stream.
 * @param maxBytes of the result; the first byte above it ends the work.
 * @param what names the archive in errors.
 * @throws IntegrityError `MALFORMED` when it is not gzip, is truncated, or something follows it; `TOO_LARGE`.
 */
export async function* gunzip(
  bytes: AsyncIterable<Uint8Array>,
  maxBytes: number,
  what = 'archive',
): AsyncGenerator<Uint8Array> {
  const inflater = createGunzip(UNPACKING);
  const fed = { bytes: 0 };
  pipeline(Readable.from(counted(bytes, fed), { objectMode: false }), inflater, () => undefined);
  let total = 0;
  try {
    for await (const chunk of asBytes(inflater)) {
      total += chunk.byteLength;
      if (total > maxBytes) throw tooLarge(what, maxBytes);
      yield chunk;
    }
  } catch (error) {
    throw isZlibError(error) ? malformed(what, messageOf(error), error) : error;
  }
  if (fed.bytes === 0) throw malformed(what, 'it is empty');
  // zlib reads zeros after the last member as padding; here they are bytes that nobody pinned the meaning of.
  if (inflater.bytesWritten !== fed.bytes) throw malformed(what, 'something follows its end');
}

async function* counted(bytes: AsyncIterable<Uint8Array>, fed: { bytes: number }) {
  for await (const chunk of bytes) {
    fed.bytes += chunk.byteLength;
    if (chunk.byteLength > 0) yield chunk;
  }
}

async function* asBytes(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (chunk instanceof Uint8Array) yield chunk;
  }
}

function isZlibError(error: unknown): boolean {
  return (
    isSystemError(error, 'Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_STREAM_ERROR', 'Z_NEED_DICT') ||
    isSystemError(error, 'ERR_TRAILING_JUNK_AFTER_STREAM_END')
  );
}

function malformed(what: string, reason: string, cause?: unknown): IntegrityError {
  return new IntegrityError('MALFORMED', `${what} is not a whole gzip stream: ${reason}`, { cause });
}

function tooLarge(what: string, maxBytes: number): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${what} unpacks to more than ${maxBytes} bytes`, {
    details: { limit: maxBytes },
  });
}
