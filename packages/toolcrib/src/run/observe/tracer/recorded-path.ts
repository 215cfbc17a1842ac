import { pathText, type ObservedPath } from '../observed-call.ts';
import {
  FLAG_ABSOLUTE,
  FLAG_CUT,
  FLAG_DESCRIPTOR,
  FLAG_LATE,
  FLAG_RETURNED,
  FLAG_UNREADABLE,
  type CallRecord,
  type PathPlace,
} from './call-record.ts';
import { resolveOf } from './open-how.ts';

/** Which of the two paths that a call can have. */
export type PathIndex = 0 | 1;

/** The path as it was given. */
export function givenBytes(record: CallRecord, index: PathIndex): Buffer {
  const { begin, wayBegin } = placeOf(record, index);
  return record.block.bytes.subarray(begin, wayBegin);
}

function placeOf(record: CallRecord, index: PathIndex): PathPlace {
  return index === 0 ? record.first : record.second;
}

/** A path that came lately. Programs open the same files again and again, and the same bytes and flags are the same path. */
interface KnownPath {
  readonly flags: number;
  readonly givenSize: number;
  readonly path: ObservedPath;
}

const known: readonly [Map<string, KnownPath>, Map<string, KnownPath>] = [new Map(), new Map()];
const MANY_PATHS = 4096;
const LONG_PATH = 512;

/** A path of a record: the same object where the same path came before. */
export function recordedPath(record: CallRecord, index: PathIndex): ObservedPath {
  const { begin, wayBegin, end } = placeOf(record, index);
  const { flags } = record;
  const givenSize = wayBegin - begin;
  const bytes = record.block.bytes.toString('latin1', begin, end);
  // Where a path of openat2 leads, its struct open_how says, too.
  if (end - begin > LONG_PATH || record.call.name === 'openat2') return readPath(record, index, bytes, givenSize);
  const paths = known[index];
  const before = paths.get(bytes);
  if (before?.flags === flags && before.givenSize === givenSize) return before.path;
  const path = readPath(record, index, bytes, givenSize);
  if (paths.size >= MANY_PATHS) paths.clear();
  paths.set(bytes, { flags, givenSize, path });
  return path;
}

/** @param bytes the path as it was given and the names behind it, a character for each byte. */
function readPath(record: CallRecord, index: PathIndex, bytes: string, givenSize: number): ObservedPath {
  const { flags } = record;
  const given = (flags & FLAG_UNREADABLE[index]) === 0 ? textOf(bytes.slice(0, givenSize)) : undefined;
  const absolute = absoluteOf(record, index, given, bytes.slice(givenSize));
  return {
    given,
    ...(absolute === undefined ? {} : { absolute }),
    ...((flags & FLAG_CUT[index]) === 0 ? {} : { cut: true }),
    ...((flags & FLAG_LATE[index]) === 0 ? {} : { late: true }),
  };
}

/** What {@link pathText} may have to escape or to decode. */
const NOT_PLAIN = /[\\\x80-\xff]/;

/** @param bytes a character for each. */
function textOf(bytes: string): string {
  return NOT_PLAIN.test(bytes) ? pathText(Buffer.from(bytes, 'latin1')) : bytes;
}

const RESOLVE_IN_ROOT = 0x10;

/** Undefined where the way to the root is not known, or what follows it. @param way a character for each byte. */
function absoluteOf(record: CallRecord, index: PathIndex, given: string | undefined, way: string): string | undefined {
  if ((record.flags & FLAG_ABSOLUTE[index]) === 0) return undefined;
  const folder = folderOf(way);
  const isWhole = (record.flags & (FLAG_DESCRIPTOR | (index === 0 ? FLAG_RETURNED : 0))) !== 0;
  if (isWhole) return folder;
  if (given === undefined || (record.flags & FLAG_CUT[index]) !== 0) return undefined;
  if (record.call.name === 'openat2' && (resolveOf(record.extra) & RESOLVE_IN_ROOT) !== 0) return undefined;
  if (given === '') return folder;
  const parent = folder === '/' ? '' : folder;
  return given.startsWith('/') ? `${parent}${given}` : `${parent}/${given}`;
}

/** The names turned round: the root's first, NUL behind each. The root itself has none. */
function folderOf(way: string): string {
  return way === '' ? '/' : textOf(way.split('\0').reverse().join('/'));
}
