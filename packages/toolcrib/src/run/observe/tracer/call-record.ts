import { RECORD_CALL, recordType } from './blocks.ts';

/** What is decoded of a call: `enum call_kind` of native/tracer/stream.h. */
export const CALL_KINDS = ['open', 'connect', 'send', 'exec', 'effect', 'process', 'blind-spot'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** A row of the tracer's table of calls. */
export interface TableCall {
  readonly kind: CallKind;
  readonly name: string;
}

/** A path as it was given, and the names of the folder that it is relative to, from the leaf up, NUL behind each. */
interface CallPath {
  readonly given: Buffer;
  readonly way: Buffer;
}

/** `struct call_record` of native/tracer/stream.h. */
export interface CallRecord {
  readonly call: TableCall;
  readonly flags: number;
  readonly pid: number;
  readonly tid: number;
  readonly cgroupId: number;
  readonly time: bigint;
  readonly result: number;
  /** Six; each 64 bits without a sign. */
  readonly argument: (index: number) => bigint;
  readonly paths: readonly [CallPath, CallPath];
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
const NOTHING = Buffer.alloc(0);

/** @returns undefined when it is no such record. */
export function readCallRecord(record: Buffer, table: readonly TableCall[]): CallRecord | undefined {
  if (record.byteLength < HEAD_BYTES || recordType(record) !== RECORD_CALL) return undefined;
  const call = table[record.readUInt16LE(8) - 1];
  const flags = record.readUInt16LE(10);
  if (call === undefined || flags > KNOWN_FLAGS) return undefined;
  let at = HEAD_BYTES;
  const section = (size: number): Buffer => (size === 0 ? NOTHING : record.subarray(at, (at += size)));
  const first = { given: section(record.readUInt16LE(12)), way: section(record.readUInt16LE(14)) };
  const second = { given: section(record.readUInt16LE(16)), way: section(record.readUInt16LE(18)) };
  const extra = section(record.readUInt16LE(20));
  if (at !== record.byteLength) return undefined;
  return {
    call,
    flags,
    pid: record.readUInt32LE(24),
    tid: record.readUInt32LE(28),
    cgroupId: Number(record.readBigUInt64LE(32)),
    time: record.readBigUInt64LE(40),
    result: record.readInt32LE(52) * 2 ** 32 + record.readUInt32LE(48),
    argument: (index) => record.readBigUInt64LE(56 + 8 * index),
    paths: [first, second],
    extra,
  };
}
