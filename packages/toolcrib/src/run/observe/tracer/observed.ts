import { pathText, type ObservedCall, type ObservedPath, type Peer } from '../observed-call.ts';
import { mayCreate } from '../open-flags.ts';
import {
  FLAG_ABSOLUTE,
  FLAG_COMPAT,
  FLAG_CUT,
  FLAG_DESCRIPTOR,
  FLAG_GIVEN,
  FLAG_LATE,
  FLAG_NO_RESULT,
  FLAG_RETURNED,
  FLAG_UNREADABLE,
  FLAG_UNREADABLE_PEER,
  type CallRecord,
} from './call-record.ts';
import { blindSpotDetail } from './blind-spot.ts';
import { parseDestination, parsePeer } from './peer.ts';

/** What a record of the tracer tells. */
export function observedCall(record: CallRecord): ObservedCall {
  const base = baseOf(record);
  switch (record.call.kind) {
    case 'open':
      return { ...base, kind: 'open', path: pathOf(record, 0), ...openArguments(record) };
    case 'connect':
      return { ...base, kind: 'connect', peer: peerOf(record) };
    case 'send': {
      const call = { ...base, kind: 'send', peer: peerOf(record, parseDestination) } as const;
      return (record.flags & FLAG_UNREADABLE_PEER) === 0 ? call : { ...call, unreadable: true };
    }
    case 'exec':
      return { ...base, kind: 'exec', path: pathOf(record, 0) };
    case 'effect':
      return { ...base, kind: 'effect', paths: pathsOf(record), ...effectPeer(record) };
    case 'process':
      return processEvent(record, base);
    case 'blind-spot': {
      const detail = blindSpotDetail(record);
      return detail === undefined ? { ...base, kind: 'blind-spot' } : { ...base, kind: 'blind-spot', detail };
    }
  }
}

function baseOf(record: CallRecord): Omit<ObservedCall & { kind: 'connect' }, 'kind' | 'peer'> {
  return {
    call: record.call.name,
    abi: (record.flags & FLAG_COMPAT) === 0 ? 'native' : 'compat',
    pid: record.pid,
    tid: record.tid,
    cgroupId: record.cgroupId,
    time: record.time,
    result: (record.flags & FLAG_NO_RESULT) === 0 ? record.result : undefined,
  };
}

const O_WRONLY_CREAT_TRUNC = 0o1101;
const HOW_BYTES = 24;

function openArguments(record: CallRecord): { flags: number; mode?: number; resolve?: number } {
  const number = (index: number): number => Number(BigInt.asUintN(32, record.argument(index)));
  const { name } = record.call;
  if (name === 'creat') return { flags: O_WRONLY_CREAT_TRUNC, mode: number(1) };
  if (name === 'openat2') return howOf(record.extra);
  const [flags, mode] = name === 'open' ? [number(1), number(2)] : [number(2), number(3)];
  return mayCreate(flags) ? { flags, mode } : { flags };
}

/** `struct open_how`; one that could not be read has no flags. */
function howOf(how: Buffer): { flags: number; mode?: number; resolve?: number } {
  if (how.byteLength < HOW_BYTES) return { flags: 0 };
  const [flags, mode, resolve] = [0, 8, 16].map((at) => Number(how.readBigUInt64LE(at)));
  return {
    flags: flags ?? 0,
    ...(mayCreate(flags ?? 0) ? { mode: mode ?? 0 } : {}),
    ...(resolve === 0 || resolve === undefined ? {} : { resolve }),
  };
}

const RESOLVE_IN_ROOT = 0x10;

function pathOf(record: CallRecord, index: 0 | 1): ObservedPath {
  const { given: bytes, way } = record.paths[index];
  const given = (record.flags & FLAG_UNREADABLE[index]) === 0 ? pathText(bytes) : undefined;
  const absolute = absoluteOf(record, index, given, way);
  return {
    given,
    ...(absolute === undefined ? {} : { absolute }),
    ...((record.flags & FLAG_CUT[index]) === 0 ? {} : { cut: true }),
    ...((record.flags & FLAG_LATE[index]) === 0 ? {} : { late: true }),
  };
}

/** Undefined where the way to the root is not known, or what follows it. */
function absoluteOf(record: CallRecord, index: 0 | 1, given: string | undefined, way: Buffer): string | undefined {
  if ((record.flags & FLAG_ABSOLUTE[index]) === 0) return undefined;
  const folder = folderOf(way);
  const isWhole = (record.flags & (FLAG_DESCRIPTOR | (index === 0 ? FLAG_RETURNED : 0))) !== 0;
  if (isWhole) return folder;
  if (given === undefined || (record.flags & FLAG_CUT[index]) !== 0) return undefined;
  if (record.call.name === 'openat2' && ((howOf(record.extra).resolve ?? 0) & RESOLVE_IN_ROOT) !== 0) return undefined;
  if (given === '') return folder;
  const parent = folder === '/' ? '' : folder;
  return given.startsWith('/') ? `${parent}${given}` : `${parent}/${given}`;
}

/** Most calls are relative to one of a few folders. */
const folders = new Map<string, string>();
const MANY_FOLDERS = 1024;

/** The names turned round: the root's first. */
function folderOf(way: Buffer): string {
  const key = way.toString('latin1');
  const known = folders.get(key);
  if (known !== undefined) return known;
  const names = key.split('\0').slice(0, -1).reverse();
  const folder = `/${names.map((name) => pathText(Buffer.from(name, 'latin1'))).join('/')}`;
  if (folders.size === MANY_FOLDERS) folders.clear();
  folders.set(key, folder);
  return folder;
}

function pathsOf(record: CallRecord): ObservedPath[] {
  if ((record.flags & FLAG_DESCRIPTOR) !== 0) return [pathOf(record, 0)];
  return ([0, 1] as const)
    .filter((index) => (record.flags & FLAG_GIVEN[index]) !== 0)
    .map((index) => pathOf(record, index));
}

function peerOf(record: CallRecord, parse = parsePeer): Peer | undefined {
  return (record.flags & FLAG_UNREADABLE_PEER) === 0 ? parse(record.extra) : undefined;
}

function effectPeer(record: CallRecord): { peer?: Peer | undefined } {
  return ['bind', 'accept', 'accept4'].includes(record.call.name) ? { peer: peerOf(record) } : {};
}

function processEvent(record: CallRecord, base: ReturnType<typeof baseOf>): ObservedCall {
  if (record.call.name === 'fork') {
    return { ...base, kind: 'process', call: 'fork', child: Number(record.argument(0)) };
  }
  return { ...base, kind: 'process', call: 'exit', result: exitResult(Number(record.argument(0))) };
}

/** @param status as of wait(2). */
function exitResult(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : -signal;
}
