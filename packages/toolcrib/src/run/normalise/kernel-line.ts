import { KERNEL_EVENT_SCHEMA } from '../layers/kernel-event.ts';
import type { OpenCall } from '../observe/observed-call.ts';
import { mayCreate } from '../observe/open-flags.ts';

/** Kinds of lines that a run of ours has, with their ids. Blocked ones (10, 20) come from writers that block. */
export const KERNEL_EVENT_TYPES = { openat: 1, connect: 2, exec: 4, sendto: 6, sendmsg: 7 } as const;

export type KernelKind = keyof typeof KERNEL_EVENT_TYPES;

/** What a line of the kernel layer says, beside the process. */
export interface KernelLine {
  readonly kind: KernelKind;
  /** Redacted; null when it could not be read, or was empty. */
  readonly value: string | null;
  /** Of `openat`: its arguments and result. */
  readonly open?: OpenCall;
}

/**
 * Writes lines of the kernel layer: compact JSON with keys in the order of the format, ended by a newline. By hand,
 * because a run can have millions of them; a test compares with `JSON.stringify`.
 */
export function createKernelLineFormat(runId: string): (seq: number, pid: number, line: KernelLine) => string {
  const head = `{"schema":${JSON.stringify(KERNEL_EVENT_SCHEMA)},"run_id":${JSON.stringify(runId)},"seq":`;
  return (seq, pid, { kind, value, open }) => {
    const what = `"event_type":${KERNEL_EVENT_TYPES[kind]},"kind":"${kind}","value":${JSON.stringify(value)}`;
    return `${head}${seq},"pid":${pid},${what}${open === undefined ? '' : openFields(open)}}\n`;
  };
}

const O_ACCMODE = 0o3;
const ACCESS_MODES = ['read', 'write', 'read_write', 'unknown'] as const;

/**
 * In the order of the format. Values as in `<asm-generic/fcntl.h>`; `core/kernel/decode.rs` takes 0400, which is
 * O_NOCTTY, for O_EXCL.
 */
const OPERATIONS = [
  { bit: 0o100, name: '"create"' },
  { bit: 0o1000, name: '"truncate"' },
  { bit: 0o2000, name: '"append"' },
  { bit: 0o200, name: '"exclusive"' },
];
const ANY_OPERATION = OPERATIONS.reduce((bits, { bit }) => bits | bit, 0);

function openFields(open: OpenCall): string {
  const flags = unsigned(open.flags);
  const mode = modeOf(open);
  const resolve = unsigned(open.resolve ?? 0);
  let text = flags === undefined ? '' : `,"flags":${flags}`;
  if (mode !== undefined) text += `,"mode":${mode}`;
  if (resolve !== undefined && resolve !== 0) text += `,"resolve":${resolve}`;
  if (open.result !== undefined) text += `,"return_value":${open.result}`;
  text += `,"access_mode":"${flags === undefined ? 'unknown' : (ACCESS_MODES[open.flags & O_ACCMODE] ?? 'unknown')}"`;
  if ((open.flags & ANY_OPERATION) !== 0) text += `,"operation_flags":[${operationsOf(open.flags)}]`;
  return open.result === undefined ? text : `${text},"status":"${open.result < 0 ? 'error' : 'success'}"`;
}

function operationsOf(flags: number): string {
  return OPERATIONS.filter(({ bit }) => (flags & bit) !== 0)
    .map(({ name }) => name)
    .join(',');
}

const PERMISSIONS = 0o7777;

/**
 * The permissions that the kernel takes from the call: it ignores them where nothing is created, so an observer may find
 * anything there, and takes no bits beyond 07777. So all observers tell the same.
 */
function modeOf({ call, flags, mode }: OpenCall): number | undefined {
  if (call === 'openat2') return unsigned(mode ?? 0);
  if (!mayCreate(flags)) return 0;
  return mode === undefined ? undefined : mode & PERMISSIONS;
}

/** An argument as the unsigned number that the kernel sees; undefined when JSON has no such number. */
function unsigned(value: number): number | undefined {
  const number = value < 0 && value >= -0x80000000 ? value >>> 0 : value;
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}
