import { constants } from 'node:os';
import { readList, type TracedItem } from './traced-value.ts';

/** A line of strace's output, as the options in `strace-options.ts` make it write them. */
export type TraceLine =
  | { readonly kind: 'call'; readonly tid: number; readonly call: TracedCall }
  /** The first part of a call; another task came in between. `text` is for {@link joinCall}. */
  | { readonly kind: 'unfinished'; readonly tid: number; readonly name: string; readonly text: string }
  /** A thread's `execve` that goes on under the id of its thread group. */
  | { readonly kind: 'moved'; readonly tid: number; readonly to: number; readonly name: string; readonly text: string }
  | { readonly kind: 'resumed'; readonly tid: number; readonly name: string; readonly text: string }
  /** `status`: the exit code, or the negative number of the signal that killed it. */
  | { readonly kind: 'exit'; readonly tid: number; readonly status: number }
  /** The task is gone, because one of its threads, `by`, started another program. */
  | { readonly kind: 'superseded'; readonly tid: number; readonly by: number }
  /** From here on its calls are of that kind. */
  | { readonly kind: 'abi'; readonly tid: number; readonly abi: 'native' | 'compat' }
  /** A signal, or a stop. */
  | { readonly kind: 'other' };

/** A system call that is over, with what strace wrote of its arguments. */
export interface TracedCall {
  readonly name: string;
  readonly args: readonly TracedItem[];
  /** A negative errno when it failed; undefined when it never returned. */
  readonly result: number | undefined;
}

const LEADER = /^(?<tid>[0-9]{1,10}) +/;
const RESUMED = /^<\.\.\. (?<name>[a-z0-9_]+) resumed>/;
const OPENING = /^(?<name>[a-z0-9_]+)\(/;
const UNFINISHED = / ?<unfinished \.\.\.>$/;
const MOVED = / ?<pid changed to (?<to>[0-9]{1,10}) \.\.\.>$/;
const ABI = /^\[ Process PID=[0-9]+ runs in (?<abi>64 bit|32 bit|x32) mode\. \]$/;
const EXITED = /^\+\+\+ exited with (?<code>[0-9]{1,3}) \+\+\+$/;
const KILLED = /^\+\+\+ killed by (?<signal>SIG[A-Z0-9_]+)(?: \(core dumped\))? \+\+\+$/;
const SUPERSEDED = /^\+\+\+ superseded by execve in pid (?<by>[0-9]{1,10}) \+\+\+$/;

/** Reads a line, without its newline. @returns undefined when strace does not write such lines. Never throws. */
export function parseTraceLine(line: string): TraceLine | undefined {
  const leader = LEADER.exec(line);
  if (leader === null) return undefined;
  const tid = Number(leader.groups?.['tid']);
  const text = line.slice(leader[0].length);
  if (text.startsWith('+++')) return endLine(tid, text);
  if (text.startsWith('[')) return abiLine(tid, text);
  if (text.startsWith('---')) return text.endsWith('---') ? { kind: 'other' } : undefined;
  return callLine(tid, text);
}

function endLine(tid: number, text: string): TraceLine | undefined {
  const code = EXITED.exec(text)?.groups?.['code'];
  if (code !== undefined) return { kind: 'exit', tid, status: Number(code) };
  const by = SUPERSEDED.exec(text)?.groups?.['by'];
  if (by !== undefined) return { kind: 'superseded', tid, by: Number(by) };
  const number = signalNumber(KILLED.exec(text)?.groups?.['signal']);
  return number === undefined ? undefined : { kind: 'exit', tid, status: -number };
}

const SIGNALS: ReadonlyMap<string, number> = new Map(Object.entries(constants.signals));

/** Real-time signals are written as `SIGRT_3` or `SIGRTMIN`. */
function signalNumber(name: string | undefined): number | undefined {
  if (name === undefined) return undefined;
  const realTime = /^SIGRT(?:_(?<offset>[0-9]{1,2})|MIN)$/.exec(name);
  if (realTime !== null) return 32 + Number(realTime.groups?.['offset'] ?? 0);
  return SIGNALS.get(name);
}

function abiLine(tid: number, text: string): TraceLine | undefined {
  const abi = ABI.exec(text)?.groups?.['abi'];
  if (abi === undefined) return undefined;
  return { kind: 'abi', tid, abi: abi === '64 bit' ? 'native' : 'compat' };
}

function callLine(tid: number, text: string): TraceLine | undefined {
  const resumed = RESUMED.exec(text);
  if (resumed?.groups !== undefined) {
    return { kind: 'resumed', tid, name: resumed.groups['name'] ?? '', text: text.slice(resumed[0].length) };
  }
  const name = OPENING.exec(text)?.groups?.['name'];
  if (name === undefined) return undefined;
  const unfinished = UNFINISHED.exec(text);
  if (unfinished !== null) return { kind: 'unfinished', tid, name, text: text.slice(0, unfinished.index) };
  const moved = MOVED.exec(text);
  if (moved !== null) {
    return { kind: 'moved', tid, to: Number(moved.groups?.['to']), name, text: text.slice(0, moved.index) };
  }
  const call = parseCall(text);
  return call && { kind: 'call', tid, call };
}

/** The two parts of a call that other lines came between. @returns undefined when they are not the parts of one. */
export function joinCall(first: string, second: string): TracedCall | undefined {
  // The second begins with the comma, or with what is left of an argument; where strace had not written any
  // arguments yet, the first ends with `( `.
  return parseCall(`${first}${second}`) ?? parseCall(`${first.trimEnd()}${second.trimStart()}`);
}

/** The arguments that strace had written when the task was killed in the call. */
export function endCall(first: string): TracedCall | undefined {
  return parseCall(`${first.trimEnd().replace(/,$/, '')}) = ?`);
}

const RESULT = /^ *= (?:(?<number>-?[0-9]+|0x[0-9a-f]+)|\?)(?: (?<error>E[A-Z0-9_]+))?(?: |$)/;
/** The id of a task that the call returned as a namespace of its own counts. */
const TRANSLATED = /^ *= [0-9]+ \/\* (?<id>[0-9]{1,10}) in strace's PID NS \*\/$/;
const ERRNO = /^ *= -1 \(errno (?<errno>[0-9]{1,20})\)/;

function parseCall(text: string): TracedCall | undefined {
  const opening = OPENING.exec(text);
  if (opening === null) return undefined;
  const list = readList(text, opening[0].length, ')');
  if (list === undefined) return undefined;
  const name = opening.groups?.['name'] ?? '';
  const rest = text.slice(list.end);
  const errno = ERRNO.exec(rest)?.groups?.['errno'];
  if (errno !== undefined) return { name, args: list.items, result: -Number(errno) };
  const result = RESULT.exec(rest)?.groups;
  if (result === undefined) return undefined;
  const { error } = result;
  const number = TRANSLATED.exec(rest)?.groups?.['id'] ?? result['number'];
  if (error === undefined) return { name, args: list.items, result: number === undefined ? undefined : Number(number) };
  const known = ERRORS.get(error);
  return known === undefined ? undefined : { name, args: list.items, result: -known };
}

/** Errors by their names: those of Node, the others of Linux, and those by which the kernel restarts a call. */
const ERRORS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(constants.errno),
  ...Object.entries({
    ENOTBLK: 15,
    ENONET: 64,
    EREMOTE: 66,
    ECOMM: 70,
    EUSERS: 87,
    ESOCKTNOSUPPORT: 94,
    EPFNOSUPPORT: 96,
    ESHUTDOWN: 108,
    EHOSTDOWN: 112,
    EUCLEAN: 117,
    ENAVAIL: 119,
    EREMOTEIO: 121,
    ENOMEDIUM: 123,
    EMEDIUMTYPE: 124,
    ENOKEY: 126,
    EKEYEXPIRED: 127,
    EKEYREVOKED: 128,
    EKEYREJECTED: 129,
    EOWNERDEAD: 130,
    ENOTRECOVERABLE: 131,
    ERFKILL: 132,
    EHWPOISON: 133,
    ERESTARTSYS: 512,
    ERESTARTNOINTR: 513,
    ERESTARTNOHAND: 514,
    ERESTART_RESTARTBLOCK: 516,
    ENOTSUPP: 524,
  }),
]);
