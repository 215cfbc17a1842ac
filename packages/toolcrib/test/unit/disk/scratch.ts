import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory that goes away at the end of its `await using` scope. */
export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** @param parent default: the system's directory for temporary files. */
export async function createScratch(parent: string = tmpdir()): Promise<Scratch> {
  const path = await mkdtemp(join(parent, 'toolcrib-scratch-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** The bytes in pieces of at most `length`. */
export async function* inPieces(bytes: Uint8Array, length = 4096): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += length) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
  }
}

/** Bytes that are not random but look it: the same seed, the same bytes. */
export function bytesOf(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed * 2654435761 + 1;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/** All bytes that an iteration yields. */
export async function allBytes(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const kept: Uint8Array[] = [];
  for await (const piece of pieces) kept.push(piece);
  return Buffer.concat(kept);
}
