import { crc32 } from 'node:zlib';

/** Bytes of the header of a block: magic, size, number, sum; 32 bits each, little-endian. */
export const BLOCK_HEADER_BYTES = 16;
const BLOCK_MAGIC = 0x31435254;
const BLOCK_LIMIT = 1 << 20;

/** The blocks of a stream of the tracer, as its bytes come in. See native/tracer/stream.h. */
export interface BlockParser {
  /** @returns the records of each block that is complete now. None once a block was wrong. */
  push(chunk: Uint8Array): Buffer[];
  /** What stands in the stream behind the last complete block. */
  rest(): 'nothing' | 'part' | 'damage';
}

/** Reads blocks, however their bytes are cut into chunks. Nothing of a wrong block, or behind one, comes out. */
export function createBlockParser(): BlockParser {
  let pending: Buffer = Buffer.alloc(0);
  let number = 0;
  let isDamaged = false;

  /** The first block of what is pending; undefined when it is not complete. */
  const take = (): Buffer | undefined => {
    if (isDamaged || pending.byteLength < BLOCK_HEADER_BYTES) return undefined;
    const size = pending.readUInt32LE(4);
    isDamaged = pending.readUInt32LE(0) !== BLOCK_MAGIC || size > BLOCK_LIMIT || pending.readUInt32LE(8) !== number;
    if (isDamaged || pending.byteLength < BLOCK_HEADER_BYTES + size) return undefined;
    const records = pending.subarray(BLOCK_HEADER_BYTES, BLOCK_HEADER_BYTES + size);
    isDamaged = crc32(records) !== pending.readUInt32LE(12);
    if (isDamaged) return undefined;
    pending = pending.subarray(BLOCK_HEADER_BYTES + size);
    number += 1;
    return records;
  };

  return {
    push(chunk) {
      pending = pending.byteLength === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
      const blocks: Buffer[] = [];
      for (let records = take(); records !== undefined; records = take()) blocks.push(records);
      return blocks;
    },
    rest() {
      if (isDamaged) return 'damage';
      return pending.byteLength === 0 ? 'nothing' : 'part';
    },
  };
}

/** Where the records of a block begin, and where the last one ends; undefined when they do not fill it exactly. */
export function recordPlaces(block: Buffer): number[] | undefined {
  const places = [0];
  for (let at = 0; at < block.byteLength; places.push(at)) {
    if (block.byteLength - at < RECORD_HEADER_BYTES) return undefined;
    const size = block.readUInt32LE(at);
    if (size < RECORD_HEADER_BYTES || size > block.byteLength - at) return undefined;
    at += size;
  }
  return places;
}

/** The records of a block; undefined when they do not fill it exactly. */
export function splitRecords(block: Buffer): Buffer[] | undefined {
  const places = recordPlaces(block);
  return places?.slice(0, -1).map((at, index) => block.subarray(at, places[index + 1]));
}

/** Bytes of what every record begins with: its size, its type. */
export const RECORD_HEADER_BYTES = 8;

/** What kind of record it is: `enum record_type` of native/tracer/stream.h. @param at where it begins. */
export function recordType(records: Buffer, at = 0): number {
  return records.readUInt8(at + 4);
}

export const RECORD_CALL = 1;
export const RECORD_STARTED = 2;
export const RECORD_ATTACHED = 3;
export const RECORD_ANCHORED = 4;
export const RECORD_ENDED = 5;
export const RECORD_FAILED = 6;
export const RECORD_FINISHED = 7;
export const RECORD_RUNNING = 8;
