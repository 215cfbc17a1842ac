import type { HookAccount, ObservedCall } from '../observed-call.ts';
import { createBlockParser, RECORD_FINISHED, recordPlaces, recordType } from './blocks.ts';
import { blockOf, readCallRecord, type TableCall } from './call-record.ts';
import { observedCall } from './observed.ts';

/** The last record of a stream. */
export interface StreamReport {
  readonly accounts: readonly HookAccount[];
  readonly survivors: number;
  /** The observation was ended while something was observed. */
  readonly endedEarly: boolean;
}

/**
 * How a stream ended. `cut`: without its last record, because the tracer was ended. `damaged`: something in it is not
 * what the tracer wrote, or calls are missing in it; what was told before is right.
 */
export type StreamEnd =
  ({ readonly kind: 'finished' } & StreamReport) | { readonly kind: 'cut' } | { readonly kind: 'damaged' };

/** Decodes the stream of the tracer, however it is cut into chunks. */
export interface StreamDecoder {
  /** Calls of the blocks that are complete now: none of a block in which anything is wrong, or behind one. */
  push(chunk: Uint8Array): readonly ObservedCall[];
  /** To be asked when the stream has ended. */
  end(): StreamEnd;
}

/** @param table the calls that can come, as the tracer told them when it started. */
export function createStreamDecoder(table: readonly TableCall[]): StreamDecoder {
  const parser = createBlockParser();
  let isDamaged = false;
  let told = 0;
  let report: StreamReport | undefined;

  const decodeBlock = (block: Buffer): readonly ObservedCall[] => {
    const decoded = isDamaged || report !== undefined ? undefined : decodeRecords(block, table);
    isDamaged = decoded === undefined;
    if (decoded === undefined) return [];
    report = decoded.report;
    told += decoded.calls.length;
    return decoded.calls;
  };

  return {
    push: (chunk) => parser.push(chunk).flatMap(decodeBlock),
    end() {
      const rest = parser.rest();
      if (isDamaged || rest === 'damage') return { kind: 'damaged' };
      if (report === undefined) return { kind: 'cut' };
      const isWhole = rest === 'nothing' && told === sumOfEmitted(report);
      return isWhole ? { kind: 'finished', ...report } : { kind: 'damaged' };
    },
  };
}

interface DecodedBlock {
  readonly calls: readonly ObservedCall[];
  readonly report: StreamReport | undefined;
}

function decodeRecords(bytes: Buffer, table: readonly TableCall[]): DecodedBlock | undefined {
  const places = recordPlaces(bytes);
  if (places === undefined) return undefined;
  const block = blockOf(bytes);
  const calls: ObservedCall[] = [];
  let at = 0;
  for (const end of places.slice(1)) {
    const call = readCallRecord(block, at, end, table);
    if (call !== undefined) calls.push(observedCall(call));
    else if (end < bytes.byteLength || recordType(bytes, at) !== RECORD_FINISHED) return undefined;
    else return withReport(calls, bytes.subarray(at));
    at = end;
  }
  return { calls, report: undefined };
}

/** Nothing of a block counts whose last record is wrong. */
function withReport(calls: readonly ObservedCall[], last: Buffer): DecodedBlock | undefined {
  const report = readReport(last);
  return report && { calls, report };
}

const FINISH_EARLY = 1;
const FINISHED_BYTES = 24;
const ACCOUNT_BYTES = 40;
const MAX_ACCOUNTS = 512;

function readReport(record: Buffer): StreamReport | undefined {
  if (record.byteLength < FINISHED_BYTES) return undefined;
  const count = record.readUInt32LE(16);
  if (count > MAX_ACCOUNTS) return undefined;
  const accounts: HookAccount[] = [];
  let at = FINISHED_BYTES;
  while (accounts.length < count) {
    if (record.byteLength - at < ACCOUNT_BYTES) return undefined;
    const nameSize = record.readUInt32LE(at + 32);
    if (nameSize > record.byteLength - at - ACCOUNT_BYTES) return undefined;
    accounts.push(readAccount(record.subarray(at, at + ACCOUNT_BYTES + nameSize)));
    at += ACCOUNT_BYTES + nameSize;
  }
  if (at !== record.byteLength) return undefined;
  return { accounts, survivors: record.readUInt32LE(12), endedEarly: (record.readUInt32LE(8) & FINISH_EARLY) !== 0 };
}

function readAccount(account: Buffer): HookAccount {
  const [emitted = 0, dropped = 0, unreadable = 0, missed = 0] = [0, 8, 16, 24].map((at) =>
    Number(account.readBigUInt64LE(at)),
  );
  return { hook: account.toString('latin1', ACCOUNT_BYTES), emitted, dropped, unreadable, missed };
}

function sumOfEmitted(report: StreamReport): number {
  return report.accounts.reduce((sum, account) => sum + account.emitted, 0);
}
