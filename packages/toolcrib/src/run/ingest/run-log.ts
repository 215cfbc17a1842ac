import { hasCode, isSystemError, NotFoundError, UsageError } from '../../core/errors.ts';
import { readBlocks, type ReadOptions } from '../../disk/digest-file.ts';

/** What reading a log of somebody else may cost. Small enough that a report of all its calls can be read again. */
export const LOG_LIMITS = {
  /** Of the file, in bytes. */
  bytes: 32 * 1024 ** 2,
  /** Of one line, in bytes. */
  lineBytes: 1024 ** 2,
  /** Blank ones too: each costs time. */
  lines: 100_000,
  /** Of one text that is kept of a line, in UTF-16 units. */
  text: 1024,
} as const;

/** Which log of a run: in messages. */
export type RunLogName = 'policy log' | 'SDK log';

/** A log that a run is given. */
export interface RunLog {
  readonly name: RunLogName;
  readonly path: string;
}

/** A line that holds something. */
export interface RunLogLine {
  readonly log: RunLog;
  /** Counted from 1, with those that hold nothing. */
  readonly number: number;
  readonly value: object;
}

/** How a log is read. */
export type LogReading = Pick<ReadOptions, 'signal' | 'onSight'>;

/** Where in a log something is wrong. */
interface Place {
  /** Counted from 1; undefined for the log as a whole. */
  readonly line?: number;
  /** E.g. `data.tool`. */
  readonly field?: string;
  readonly hint?: string | undefined;
}

const TOO_LONG: Place = { hint: 'give each run a log of its own: what is recorded is the log as a whole' };
const NO_LOG: Place = { hint: 'a log has one JSON object a line' };

/**
 * What is wrong with a log.
 * @param problem a sentence without its subject, e.g. `is missing`; holds no secret.
 * @returns UsageError `RUN_LOG_INVALID`; its details tell path, line and field.
 */
export function runLogError({ name, path }: RunLog, problem: string, { line, field, hint }: Place = {}): UsageError {
  const place = `${name} ${path}${line === undefined ? '' : `, line ${line}`}`;
  return new UsageError('RUN_LOG_INVALID', `${place}: ${field === undefined ? '' : `${field} `}${problem}`, {
    ...(hint !== undefined && { hint }),
    details: { log: name, path, line: line ?? null, field: field ?? null },
  });
}

/**
 * Reads a log of JSON objects, one a line. Blank lines are passed over; the last line needs no end.
 * @throws UsageError `RUN_LOG_INVALID`; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`, also for a pipe; the signal's
 * reason.
 */
export async function* readRunLog(log: RunLog, options: LogReading = {}): AsyncGenerator<RunLogLine> {
  let number = 0;
  for await (const bytes of linesOf(log, options)) {
    number += 1;
    if (number > LOG_LIMITS.lines) throw runLogError(log, `has more than ${LOG_LIMITS.lines} lines`, TOO_LONG);
    const text = decoded(log, bytes, number).trim();
    if (text === '') continue;
    yield { log, number, value: parsed(log, text, number) };
  }
}

const NEWLINE = 0x0a;

/** Lines as bytes that are the reader's until it asks for the next. */
async function* linesOf(log: RunLog, options: LogReading): AsyncGenerator<Uint8Array> {
  let number = 1;
  let size = 0;
  let rest = new Uint8Array();
  const checked = (line: Uint8Array): Uint8Array => {
    if (line.byteLength <= LOG_LIMITS.lineBytes) return line;
    throw runLogError(log, `it has more than ${LOG_LIMITS.lineBytes} bytes`, { line: number, ...NO_LOG });
  };
  for await (const block of blocksOf(log, options)) {
    size += block.byteLength;
    if (size > LOG_LIMITS.bytes) throw runLogError(log, `has more than ${LOG_LIMITS.bytes} bytes`, TOO_LONG);
    const bytes = rest.byteLength === 0 ? block : Buffer.concat([rest, block]);
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, at)) {
      yield checked(bytes.subarray(at, end));
      number += 1;
      at = end + 1;
    }
    // The block is used again.
    rest = Uint8Array.from(checked(bytes.subarray(at)));
  }
  if (rest.byteLength > 0) yield rest;
}

/** A directory is a mistake of whoever named the log, not of the disk. */
async function* blocksOf(log: RunLog, options: LogReading): AsyncGenerator<Uint8Array> {
  try {
    yield* readBlocks(log.path, options);
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) throw noSuchLog(log, error);
    if (!isDirectory(error)) throw error;
    throw runLogError(log, 'is a directory', { hint: `name the file that the ${log.name} is in` });
  }
}

function noSuchLog({ name, path }: RunLog, cause: Error): NotFoundError {
  return new NotFoundError('NOT_FOUND', `${name} ${path} is not there`, {
    hint: 'it is read when the command has ended: name the file that it is written to until then',
    details: { log: name, path },
    cause,
  });
}

function isDirectory(error: unknown): boolean {
  return error instanceof Error && isSystemError(error.cause, 'EISDIR');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decoded(log: RunLog, bytes: Uint8Array, line: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw runLogError(log, 'it is not UTF-8', { line, ...NO_LOG });
  }
}

/** What the parser says is not handed on: it quotes the line, which may hold a secret. */
function parsed(log: RunLog, text: string, line: number): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw runLogError(log, 'it is not JSON', { line, ...NO_LOG });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw runLogError(log, 'it is not a JSON object', { line, ...NO_LOG });
}
