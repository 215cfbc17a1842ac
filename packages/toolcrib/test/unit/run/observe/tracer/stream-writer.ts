import { crc32 } from 'node:zlib';
import * as fc from 'fast-check';
import type { TableCall } from '../../../../../src/run/observe/tracer/call-record.ts';

/** Writes what the tracer writes: native/tracer/stream.h, in other words than the reader has. */

/** A block of records. */
export function block(number: number, records: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(records);
  const header = Buffer.alloc(16);
  header.write('TRC1');
  [content.byteLength, number, crc32(content)].forEach((value, index) => header.writeUInt32LE(value, 4 + 4 * index));
  return Buffer.concat([header, content]);
}

/** A record of a type, with what follows its header. */
export function record(type: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32LE(8 + content.byteLength);
  header.writeUInt8(type, 4);
  return Buffer.concat([header, content]);
}

/** A call as the tracer tells it. */
export interface WrittenCall {
  readonly call: number;
  readonly flags: number;
  readonly pid: number;
  readonly tid: number;
  readonly cgroup: number;
  readonly time: bigint;
  readonly result: number;
  readonly arguments: readonly bigint[];
  /** Given, way, second given, its way, extra. */
  readonly sections: readonly Uint8Array[];
}

export const NO_CALL: WrittenCall = {
  call: 1,
  flags: 0,
  pid: 7,
  tid: 8,
  cgroup: 9,
  time: 10n,
  result: 0,
  arguments: [],
  sections: [],
};

export function callRecord(call: WrittenCall): Buffer {
  const head = Buffer.alloc(96);
  const sections = Array.from({ length: 5 }, (_, index) => call.sections[index] ?? Buffer.alloc(0));
  [call.call, call.flags, ...sections.map((section) => section.byteLength)].forEach((value, index) =>
    head.writeUInt16LE(value, 2 * index),
  );
  head.writeUInt32LE(call.pid, 16);
  head.writeUInt32LE(call.tid, 20);
  head.writeBigUInt64LE(BigInt(call.cgroup), 24);
  head.writeBigUInt64LE(call.time, 32);
  head.writeBigInt64LE(BigInt(call.result), 40);
  call.arguments.forEach((value, index) => head.writeBigUInt64LE(BigInt.asUintN(64, value), 48 + 8 * index));
  return record(1, Buffer.concat([head, ...sections]));
}

/** A row of the last record. */
export interface WrittenAccount {
  readonly hook: string;
  readonly counts: readonly [emitted: number, dropped: number, unreadable: number, missed: number];
}

export function finishedRecord(flags: number, survivors: number, accounts: readonly WrittenAccount[]): Buffer {
  const head = Buffer.alloc(16);
  [flags, survivors, accounts.length].forEach((value, index) => head.writeUInt32LE(value, 4 * index));
  const rows = accounts.map(({ hook, counts }) => {
    const row = Buffer.alloc(40);
    counts.forEach((count, index) => row.writeBigUInt64LE(BigInt(count), 8 * index));
    row.writeUInt32LE(hook.length, 32);
    return Buffer.concat([row, Buffer.from(hook)]);
  });
  return record(7, Buffer.concat([head, ...rows]));
}

const KINDS = ['open', 'connect', 'send', 'exec', 'effect', 'process', 'blind-spot'] as const;

/** @param type 2 when a command was started, 3 when only everything is attached. */
export function startedRecord(
  type: 2 | 3,
  started: { version: number; pid: number; guard?: number; attachTime: bigint; table: readonly TableCall[] },
): Buffer {
  const head = Buffer.alloc(24);
  head.writeUInt32LE(started.version);
  head.writeUInt32LE(started.pid, 4);
  head.writeBigUInt64LE(started.attachTime, 8);
  head.writeUInt32LE(started.table.length, 16);
  head.writeUInt32LE(started.guard ?? 0, 20);
  const rows = started.table.map(({ kind, name }) =>
    Buffer.concat([Uint8Array.of(1 + KINDS.indexOf(kind), name.length), Buffer.from(name)]),
  );
  return record(type, Buffer.concat([head, ...rows]));
}

/** Rows that the tests use; a call is named by its place, from 1. */
export const TABLE: readonly TableCall[] = [
  { kind: 'open', name: 'openat' },
  { kind: 'connect', name: 'connect' },
  { kind: 'send', name: 'sendto' },
  { kind: 'exec', name: 'execve' },
  { kind: 'effect', name: 'renameat' },
  { kind: 'process', name: 'fork' },
  { kind: 'blind-spot', name: 'ptrace' },
];

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const section = (most: number) => fc.uint8Array({ maxLength: most });

/** Calls of every kind, with whatever in them. */
export const anyCall: fc.Arbitrary<WrittenCall> = fc.record({
  call: fc.integer({ min: 1, max: TABLE.length }),
  flags: fc.integer({ min: 0, max: 0x1fff }),
  pid: u32,
  tid: u32,
  cgroup: u32,
  time: fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }),
  result: fc.integer(),
  arguments: fc.array(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), { minLength: 6, maxLength: 6 }),
  sections: fc.tuple(section(40), section(40), section(40), section(40), section(32)),
});

/** A whole stream: its bytes, and its calls by block. */
export interface WrittenStream {
  readonly bytes: Buffer;
  readonly blocks: readonly (readonly WrittenCall[])[];
}

export const anyStream: fc.Arbitrary<WrittenStream> = fc
  .array(fc.array(anyCall, { minLength: 1, maxLength: 4 }), { maxLength: 5 })
  .map((blocks) => {
    const told = blocks.flat().length;
    const last = finishedRecord(0, 0, [{ hook: 'all', counts: [told, 0, 0, 0] }]);
    const written = [...blocks.map((calls) => calls.map(callRecord)), [last]];
    return { bytes: Buffer.concat(written.map((records, number) => block(number, records))), blocks };
  });

/** Cuts bytes into pieces, at any places. */
export function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.byteLength + 1)), bytes.byteLength].sort((a, b) => a - b);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}
