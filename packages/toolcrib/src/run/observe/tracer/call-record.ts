import { RECORD_CALL, recordType } from './blocks.ts';

/** What is decoded of a call: `enum call_kind` of native/tracer/stream.h. */
export const CALL_KINDS = ['open', 'connect', 'send', 'exec', 'effect', 'process', 'blind-spot'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** A row of the tracer's table of calls. */
export interface TableCall {
  readonly kind: CallKind;
  readonly name: string;
}

/** A block, in two ways to read it: numbers through a view are cheaper, and a run can have millions of records. */
export interface Block {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export function blockOf(bytes: Buffer): Block {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/**
 * Places in a block: of a path as it was given, and behind it of the names of the folder that it is relative to, from the
 * leaf up, NUL behind each.
 */
export interface PathPlace {
  readonly begin: number;
  readonly wayBegin: number;
  readonly end: number;
}

/** `struct call_record` of native/tracer/stream.h, in the block where it stands. */
export interface CallRecord {
  readonly block: Block;
  /** Where it begins. */
  readonly at: number;
  readonly call: TableCall;
  readonly flags: number;
  readonly first: PathPlace;
  readonly second: PathPlace;
  /** A `struct sockaddr`, or the `struct open_how` of `openat2`. */
  readonly extra: Buffer;
}

/** Bits of {@link CallRecord.flags}: `enum call_flags` of native/tracer/stream.h. */
export const FLAG_NO_RESULT = 1;
export const FLAG_COMPAT = 2;
export const FLAG_UNREADABLE = [4, 8] as const;
export const FLAG_UNREADABLE_PEER = 16;
export const FLAG_CUT = [32, 64] as const;
export const FLAG_ABSOLUTE = [128, 256] as const;
export const FLAG_RETURNED = 512;
export const FLAG_GIVEN = [1024, 2048] as const;
export const FLAG_DESCRIPTOR = 4096;
export const FLAG_LATE = [8192, 16384] as const;
const KNOWN_FLAGS = 0x7fff;

const HEAD_BYTES = 104;
const ARGUMENTS = 56;
const NOTHING = Buffer.alloc(0);

/** @returns undefined when it is no such record. */
export function readCallRecord(
  block: Block,
  at: number,
  end: number,
  table: readonly TableCall[],
): CallRecord | undefined {
  const { bytes, view } = block;
  if (end - at < HEAD_BYTES || recordType(bytes, at) !== RECORD_CALL) return undefined;
  const call = table[view.getUint16(at + 8, true) - 1];
  const flags = view.getUint16(at + 10, true);
  if (call === undefined || flags > KNOWN_FLAGS) return undefined;
  const first = pathPlace(view, at + 12, at + HEAD_BYTES);
  const second = pathPlace(view, at + 16, first.end);
  const extraSize = view.getUint16(at + 20, true);
  if (second.end + extraSize !== end) return undefined;
  return { block, at, call, flags, first, second, extra: extraSize === 0 ? NOTHING : bytes.subarray(second.end, end) };
}

/** @param at where the lengths of its sections stand. */
function pathPlace(view: DataView, at: number, begin: number): PathPlace {
  const wayBegin = begin + view.getUint16(at, true);
  return { begin, wayBegin, end: wayBegin + view.getUint16(at + 2, true) };
}

/** The lower half of an argument, without a sign. @param index from 0 to 5. */
export function argumentWord({ block, at }: CallRecord, index: number): number {
  return block.view.getUint32(at + ARGUMENTS + 8 * index, true);
}

/** What every call has, whatever it is. */
export interface CallTask {
  readonly pid: number;
  readonly tid: number;
  readonly cgroupId: number;
  /** Nanoseconds. */
  readonly time: bigint;
  readonly result: number;
}

export function readCallTask({ block: { view }, at }: CallRecord): CallTask {
  return {
    pid: view.getUint32(at + 24, true),
    tid: view.getUint32(at + 28, true),
    cgroupId: view.getUint32(at + 36, true) * 2 ** 32 + view.getUint32(at + 32, true),
    time: view.getBigUint64(at + 40, true),
    result: view.getInt32(at + 52, true) * 2 ** 32 + view.getUint32(at + 48, true),
  };
}
