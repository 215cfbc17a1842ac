import type { ProcessEnd } from '../../child-process.ts';
import type { Anchor } from '../observer.ts';
import {
  createBlockParser,
  RECORD_ANCHORED,
  RECORD_ATTACHED,
  RECORD_ENDED,
  RECORD_FAILED,
  RECORD_RUNNING,
  RECORD_STARTED,
  recordType,
  splitRecords,
} from './blocks.ts';
import { CALL_KINDS, type CallKind, type TableCall } from './call-record.ts';

/** Version of native/tracer/stream.h that this reads. */
export const STREAM_VERSION = 3;

/** Everything is attached, and the command (if there is one) is about to be released. */
export interface Started {
  readonly kind: 'started';
  /** 0 where nothing was started. */
  readonly pid: number;
  /** The process that ends what was started when the tracer is killed; 0 where there is none. */
  readonly guard: number;
  readonly attachMs: number;
  readonly table: readonly TableCall[];
}

/** Nothing runs. */
export interface Failed {
  readonly kind: 'failed';
  /** Whether it was the command that cannot be started; else it cannot be observed. */
  readonly isCommand: boolean;
  /** An errno, or 0. */
  readonly error: number;
  /** A word: what was tried. */
  readonly what: string;
}

/** What the tracer tells of its work. */
export type ControlEvent =
  | Started
  /** The exec of the command has worked. */
  | { readonly kind: 'running' }
  | { readonly kind: 'anchored'; readonly anchor: Anchor }
  | { readonly kind: 'ended'; readonly end: ProcessEnd }
  | Failed
  /** What it wrote is none of that. */
  | { readonly kind: 'damaged' };

/** Reads what the tracer tells on its control descriptor, however it is cut into chunks. */
export function createControlReader(): (chunk: Uint8Array) => readonly ControlEvent[] {
  const parser = createBlockParser();
  return (chunk) => {
    const events = parser.push(chunk).flatMap((block) => (splitRecords(block) ?? [Buffer.alloc(8)]).map(readEvent));
    return parser.rest() === 'damage' ? [...events, { kind: 'damaged' }] : events;
  };
}

function readEvent(record: Buffer): ControlEvent {
  try {
    return eventOf(record) ?? { kind: 'damaged' };
  } catch (error) {
    // Too short for its type.
    if (error instanceof RangeError) return { kind: 'damaged' };
    throw error;
  }
}

function eventOf(record: Buffer): ControlEvent | undefined {
  switch (recordType(record)) {
    case RECORD_STARTED:
    case RECORD_ATTACHED:
      return readStarted(record);
    case RECORD_RUNNING:
      return { kind: 'running' };
    case RECORD_ANCHORED:
      return {
        kind: 'anchored',
        anchor: { pid: record.readUInt32LE(8), cgroupId: Number(record.readBigUInt64LE(16)) },
      };
    case RECORD_ENDED:
      return { kind: 'ended', end: readEnd(record) };
    case RECORD_FAILED:
      return {
        kind: 'failed',
        isCommand: record.readUInt32LE(8) === FAILURE_COMMAND,
        error: record.readUInt32LE(12),
        what: record.toString('latin1', 16),
      };
    default:
      return undefined;
  }
}

const FAILURE_COMMAND = 1;
const STARTED_BYTES = 32;

function readStarted(record: Buffer): Started | undefined {
  if (record.readUInt32LE(8) !== STREAM_VERSION) return undefined;
  const count = record.readUInt32LE(24);
  const table: TableCall[] = [];
  let at = STARTED_BYTES;
  while (table.length < count) {
    const kind: CallKind | undefined = CALL_KINDS[record.readUInt8(at) - 1];
    const end = at + 2 + record.readUInt8(at + 1);
    if (end > record.byteLength) return undefined;
    // socketcall is in the table, but no call is told under its name.
    table.push({ kind: kind ?? 'blind-spot', name: record.toString('latin1', at + 2, end) });
    at = end;
  }
  return {
    kind: 'started',
    pid: record.readUInt32LE(12),
    guard: record.readUInt32LE(28),
    attachMs: Number(record.readBigUInt64LE(16)) / 1e6,
    table,
  };
}

function readEnd(record: Buffer): ProcessEnd {
  const [code, signal] = [record.readInt32LE(8), record.readInt32LE(12)];
  return code < 0 ? { exitCode: null, signal } : { exitCode: code, signal: null };
}
