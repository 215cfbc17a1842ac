import type { ObservedCall, ObservedPath, OpenCall, Peer } from '../observed-call.ts';
import { mayCreate } from '../open-flags.ts';
import {
  argumentWord,
  FLAG_COMPAT,
  FLAG_DESCRIPTOR,
  FLAG_GIVEN,
  FLAG_NO_RESULT,
  FLAG_UNREADABLE_PEER,
  readCallTask,
  type CallRecord,
  type CallTask,
} from './call-record.ts';
import { blindSpotDetail } from './blind-spot.ts';
import { readOpenHow, type OpenRequest } from './open-how.ts';
import { parseDestination, parsePeer } from './peer.ts';
import { recordedPath } from './recorded-path.ts';

/** What a record of the tracer tells. */
export function observedCall(record: CallRecord): ObservedCall {
  const { kind } = record.call;
  const base = baseOf(record);
  switch (kind) {
    case 'open':
      return openCall(record, base);
    case 'connect':
      return { ...base, kind, peer: peerOf(record) };
    case 'send': {
      const call = { ...base, kind, peer: peerOf(record, parseDestination) };
      return (record.flags & FLAG_UNREADABLE_PEER) === 0 ? call : { ...call, unreadable: true };
    }
    case 'exec':
      return { ...base, kind, path: recordedPath(record, 0) };
    case 'effect':
      return { ...base, kind, paths: pathsOf(record), ...effectPeer(record) };
    case 'process':
      return processEvent(record, base);
    case 'blind-spot': {
      const detail = blindSpotDetail(record);
      return detail === undefined ? { ...base, kind } : { ...base, kind, detail };
    }
  }
}

type Base = Pick<ObservedCall, 'call' | 'abi' | 'result'> & Omit<CallTask, 'result'>;

function baseOf(record: CallRecord): Base {
  const { pid, tid, cgroupId, time, result } = readCallTask(record);
  return {
    call: record.call.name,
    abi: (record.flags & FLAG_COMPAT) === 0 ? 'native' : 'compat',
    pid,
    tid,
    cgroupId,
    time,
    result: (record.flags & FLAG_NO_RESULT) === 0 ? result : undefined,
  };
}

/** Most calls are opens: what is the same in nearly all of them is written out. */
function openCall(record: CallRecord, { call, abi, pid, tid, cgroupId, time, result }: Base): OpenCall {
  const path = recordedPath(record, 0);
  const request = openRequest(record);
  const { flags } = request;
  const open: OpenCall = { kind: 'open', call, abi, pid, tid, cgroupId, time, result, path, flags };
  return request.mode === undefined && request.resolve === undefined ? open : { ...open, ...request };
}

const O_WRONLY_CREAT_TRUNC = 0o1101;

function openRequest(record: CallRecord): OpenRequest {
  const { name } = record.call;
  if (name === 'creat') return { flags: O_WRONLY_CREAT_TRUNC, mode: argumentWord(record, 1) };
  if (name === 'openat2') return readOpenHow(record.extra);
  const index = name === 'open' ? 1 : 2;
  const flags = argumentWord(record, index);
  return mayCreate(flags) ? { flags, mode: argumentWord(record, index + 1) } : { flags };
}

function pathsOf(record: CallRecord): ObservedPath[] {
  if ((record.flags & FLAG_DESCRIPTOR) !== 0) return [recordedPath(record, 0)];
  return ([0, 1] as const)
    .filter((index) => (record.flags & FLAG_GIVEN[index]) !== 0)
    .map((index) => recordedPath(record, index));
}

function peerOf(record: CallRecord, parse = parsePeer): Peer | undefined {
  return (record.flags & FLAG_UNREADABLE_PEER) === 0 ? parse(record.extra) : undefined;
}

function effectPeer(record: CallRecord): { peer?: Peer | undefined } {
  return ['bind', 'accept', 'accept4'].includes(record.call.name) ? { peer: peerOf(record) } : {};
}

function processEvent(record: CallRecord, base: Base): ObservedCall {
  const first = argumentWord(record, 0);
  if (record.call.name === 'fork') return { ...base, kind: 'process', call: 'fork', child: first };
  const isOfProcess = argumentWord(record, 1) === 1;
  return { ...base, kind: 'process', call: 'exit', result: exitResult(first), ...(isOfProcess && { isOfProcess }) };
}

/** @param status as of wait(2). */
function exitResult(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : -signal;
}
