import { createKnownTexts, type KnownTexts } from './known-texts.ts';
import { KERNEL_EVENT_SCHEMA, kernelKind, type KernelEvent } from '../layers/kernel-event.ts';

/**
 * Reads lines of the kernel layer that stand as every writer of the format writes them: compact, keys in the order of
 * the format, texts of plain ASCII without escapes. Those are nearly all of a million, and reading them from their bytes
 * takes a fraction of what parsing, comparing and validating takes.
 * @returns undefined for whatever is not plainly such a line: it may still be valid, or not. What is returned is what
 * the slow way would have returned.
 */
export type KernelLineReader = (bytes: Buffer, start: number, end: number) => PlainKernelEvent | undefined;

/** An event that was read from a plain line. */
export interface PlainKernelEvent extends KernelEvent {
  /** An earlier line of the same kind had the same value. False proves nothing. */
  readonly isRepeated: boolean;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const MOST_DIGITS = 15;

const key = (name: string): Buffer => Buffer.from(`,"${name}":`);
const PID = key('pid');
const EVENT_TYPE = key('event_type');
const CGROUP = key('cgroup_id');
const DESTINATION = key('network_destination');
const RETURN = key('return_value');
const ACCESS = key('access_mode');
const OPERATIONS = key('operation_flags');
const STATUS = key('status');
const NUMBERS_AFTER_DESTINATION = [key('network_port'), key('rule_id'), key('flags'), key('mode')];
const RESOLVE = key('resolve');
const NULL = Buffer.from('null');

const words = <T extends string>(...texts: readonly T[]) =>
  texts.map((text) => ({ text, bytes: Buffer.from(`"${text}"`) }));
const ACCESS_MODES = words('read', 'write', 'read_write', 'unknown');
const STATUSES = words('success', 'error');
const OPERATION_FLAGS = words('create', 'truncate', 'append', 'exclusive');

/** @param runId of the manifest: lines of another run are left to the slow way. */
export function createKernelLineReader(runId: string): KernelLineReader {
  const head = Buffer.from(`{"schema":"${KERNEL_EVENT_SCHEMA}","run_id":${JSON.stringify(runId)},"seq":`);
  const kinds = [1, 2, 4, 6, 7, 10, 20].map(kindOf);
  const destinations = createKnownTexts(2);
  const cursor: Cursor = { bytes: Buffer.alloc(0), at: 0, end: 0 };
  return (bytes, start, end) => {
    cursor.bytes = bytes;
    cursor.at = start;
    cursor.end = end;
    if (!skip(cursor, head)) return undefined;
    const seq = count(cursor);
    const pid = skip(cursor, PID) ? count(cursor) : -1;
    const type = skip(cursor, EVENT_TYPE) ? count(cursor) : -1;
    const known = kinds.find(({ id }) => id === type);
    if (seq < 0 || pid < 0 || known === undefined || !skip(cursor, known.bytes)) return undefined;
    known.values.isRepeated = false;
    const value = skip(cursor, NULL) ? null : text(cursor, known.values);
    if (value === undefined) return undefined;
    const { isRepeated } = known.values;
    return restOf(cursor, destinations, { run_id: runId, seq, pid, kind: known.kind, value, isRepeated });
  };
}

interface Kind {
  readonly id: number;
  readonly kind: string;
  /** What stands before a value. */
  readonly bytes: Buffer;
  readonly values: KnownTexts;
}

function kindOf(id: number): Kind {
  const kind = kernelKind(id);
  const isOpen = id === 1;
  return {
    id,
    kind,
    bytes: Buffer.from(`,"kind":"${kind}","value":`),
    values: createKnownTexts(isOpen ? 1 << 18 : 1 << 12),
  };
}

/** The fields that stand only where they apply; what follows each other in this order has been read before. */
function restOf(
  cursor: Cursor,
  destinations: KnownTexts,
  head: Omit<PlainKernelEvent, 'failed' | 'access' | 'destination'>,
): PlainKernelEvent | undefined {
  if (skip(cursor, CGROUP) && count(cursor) < 0) return undefined;
  const destination = skip(cursor, DESTINATION) ? text(cursor, destinations) : '';
  if (destination === undefined) return undefined;
  for (const name of NUMBERS_AFTER_DESTINATION) if (skip(cursor, name) && count(cursor) < 0) return undefined;
  if (skip(cursor, RESOLVE) && count(cursor) <= 0) return undefined;
  const returned = skip(cursor, RETURN);
  if (returned && !integer(cursor)) return undefined;
  const access = skip(cursor, ACCESS) ? oneOf(cursor, ACCESS_MODES) : null;
  if (access === undefined || (skip(cursor, OPERATIONS) && !operations(cursor))) return undefined;
  const status = skip(cursor, STATUS) ? oneOf(cursor, STATUSES) : null;
  if (status === undefined || (status !== null && !returned)) return undefined;
  if (cursor.at !== cursor.end - 1 || cursor.bytes[cursor.at] !== 0x7d) return undefined;
  const { run_id, seq, pid, kind, value, isRepeated } = head;
  return { run_id, seq, pid, kind, value, isRepeated, failed: status === 'error', access, destination };
}

interface Cursor {
  bytes: Buffer;
  at: number;
  end: number;
}

/** Moves over the text when it stands there. */
function skip(cursor: Cursor, expected: Buffer): boolean {
  const { bytes, at } = cursor;
  const length = expected.length;
  if (at + length > cursor.end) return false;
  for (let index = 0; index < length; index++) if (bytes[at + index] !== expected[index]) return false;
  cursor.at = at + length;
  return true;
}

/** A number from 0 on, as it is written in one way only; -1 when there is none. */
function count(cursor: Cursor): number {
  const { bytes, end } = cursor;
  const start = cursor.at;
  let at = start;
  let number = 0;
  for (; at < end; at++) {
    const digit = bytes[at] ?? 0;
    if (digit < ZERO || digit > NINE) break;
    number = number * 10 + digit - ZERO;
  }
  const digits = at - start;
  if (digits === 0 || digits > MOST_DIGITS || (digits > 1 && bytes[start] === ZERO)) return -1;
  cursor.at = at;
  return number;
}

function integer(cursor: Cursor): boolean {
  const isNegative = cursor.bytes[cursor.at] === MINUS;
  if (isNegative) cursor.at += 1;
  const number = count(cursor);
  return isNegative ? number > 0 : number >= 0;
}

/** A string of plain ASCII. One that has an escaped quote ends there in a backslash, and is not plain. */
function text(cursor: Cursor, known: KnownTexts): string | undefined {
  const { bytes } = cursor;
  const start = cursor.at + 1;
  if (bytes[cursor.at] !== QUOTE) return undefined;
  const end = bytes.indexOf(QUOTE, start);
  if (end < 0 || end >= cursor.end) return undefined;
  cursor.at = end + 1;
  return known.at(bytes, start, end);
}

function oneOf<T extends string>(
  cursor: Cursor,
  among: readonly { readonly text: T; readonly bytes: Buffer }[],
): T | undefined {
  for (const word of among) if (skip(cursor, word.bytes)) return word.text;
  return undefined;
}

/** A list without repetitions. */
function operations(cursor: Cursor): boolean {
  if (cursor.bytes[cursor.at] !== 0x5b) return false;
  cursor.at += 1;
  const seen: string[] = [];
  while (cursor.bytes[cursor.at] !== 0x5d || seen.length === 0) {
    if (seen.length > 0 && cursor.bytes[cursor.at] !== COMMA) return false;
    if (seen.length > 0) cursor.at += 1;
    const flag = oneOf(cursor, OPERATION_FLAGS);
    if (flag === undefined || seen.includes(flag)) return false;
    seen.push(flag);
  }
  cursor.at += 1;
  return true;
}
