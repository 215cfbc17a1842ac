import { constants } from 'node:fs';
import { constants as system } from 'node:os';
import { pathText, type ObservedCall, type ObservedPath } from '../observed-call.ts';
import { isRawSocket, socketText } from '../raw-socket.ts';
import { destinationOf, peerOf } from './socket-address.ts';
import type { TracedCall } from './trace-line.ts';
import { fieldOf, numberOf, type TracedValue } from './traced-value.ts';

/** What a call has in common with every other of its task. */
export interface TracedTask {
  readonly abi: 'native' | 'compat';
  readonly pid: number;
  readonly tid: number;
}

type Base = TracedTask & { readonly call: string; readonly result: number | undefined };
type Arguments = readonly (TracedValue | undefined)[];
type Decoder = (base: Base, args: Arguments) => readonly ObservedCall[];

const EFAULT = -system.errno.EFAULT;

/**
 * What is told of a call: nothing for one that is not in the table, several for `sendmmsg`. Calls that make tasks are told
 * by {@link createTraceReader}, which knows the tasks.
 */
export function callsFrom(task: TracedTask, traced: TracedCall): readonly ObservedCall[] {
  const decoder = DECODERS.get(traced.name);
  if (decoder === undefined) return [];
  const args = traced.args.map((item) => item.value);
  return decoder({ ...task, call: traced.name, result: traced.result }, args);
}

/** Whether something that was read by the kernel could not be read by strace. */
export function isUnreadable(call: ObservedCall): boolean {
  if (call.result === EFAULT) return false;
  if (call.kind === 'open' || call.kind === 'exec') return call.path.given === undefined;
  if (call.kind === 'effect') return call.paths.some((path) => path.given === undefined);
  if (call.kind === 'connect') return call.peer === undefined && call.result === 0;
  return call.kind === 'send' && call.unreadable === true;
}

function open(path: number, flags: number | undefined, mode: number): Decoder {
  return (base, args) => {
    const permissions = numberOf(args[mode]);
    const more = permissions === undefined ? {} : { mode: permissions };
    const given = flags === undefined ? CREAT_FLAGS : numberOf(args[flags]);
    return [{ ...base, kind: 'open', path: pathOf(args[path], base), flags: given ?? 0, ...more }];
  };
}

/** What `creat` stands for. */
const CREAT_FLAGS = constants.O_CREAT | constants.O_WRONLY | constants.O_TRUNC;

const openat2: Decoder = (base, args) => {
  const how = args[2];
  const flags = numberOf(fieldOf(how, 'flags')) ?? 0;
  const mode = numberOf(fieldOf(how, 'mode'));
  const resolve = numberOf(fieldOf(how, 'resolve')) ?? 0;
  const more = { ...(mode !== undefined && { mode }), ...(resolve !== 0 && { resolve }) };
  return [{ ...base, kind: 'open', path: pathOf(args[1], base), flags, ...more }];
};

const connect: Decoder = (base, args) => [{ ...base, kind: 'connect', peer: peerOf(args[1]) }];

const sendto: Decoder = (base, args) => [sent(base, args[4])];

const sendmsg: Decoder = (base, args) => [sent(base, fieldOf(args[1], 'msg_name'))];

/** Of one that failed: the first message, at which it did. Else as many as it says were sent. */
const sendmmsg: Decoder = (base, args) => {
  const list = args[1];
  const messages = list?.kind === 'group' ? list.items : [];
  const count = base.result === undefined || base.result < 0 ? 1 : base.result;
  return messages.slice(0, count).map(({ value }) => {
    const bytes = numberOf(fieldOf(value, 'msg_len'));
    const result = base.result !== undefined && base.result > 0 && bytes !== undefined ? bytes : base.result;
    return sent({ ...base, result }, fieldOf(fieldOf(value, 'msg_hdr'), 'msg_name'));
  });
};

function sent(base: Base, address: TracedValue | undefined): ObservedCall {
  const peer = destinationOf(address);
  const isAddress = address?.kind === 'word' && address.text !== 'NULL';
  const isLost = peer === undefined && isAddress && base.result !== EFAULT;
  return { ...base, kind: 'send', peer, ...(isLost && { unreadable: true }) };
}

const exec =
  (path: number): Decoder =>
  (base, args) => [{ ...base, kind: 'exec', path: pathOf(args[path], base) }];

/** @param paths indexes of arguments. */
const effect =
  (...paths: readonly number[]): Decoder =>
  (base, args) => [{ ...base, kind: 'effect', paths: paths.map((index) => pathOf(args[index], base)) }];

const descriptorEffect: Decoder = (base) => [{ ...base, kind: 'effect', paths: [{ given: '' }] }];

const socketEffect: Decoder = (base, args) => [{ ...base, kind: 'effect', paths: [], peer: peerOf(args[1]) }];

/** @param argument index of the one that says what was asked for. */
const blindSpot =
  (argument?: number): Decoder =>
  (base, args) => {
    const value = argument === undefined ? undefined : args[argument];
    return [{ ...base, kind: 'blind-spot', ...(value?.kind === 'word' && { detail: value.text }) }];
  };

const SECCOMP_SET_MODE_FILTER = 1;
const SECCOMP_FILTER_FLAG_NEW_LISTENER = 8;

/** Of filters only those are told whose calls somebody else decides on: see {@link hidesCalls}. */
const seccomp: Decoder = (base, args) => {
  const [operation, flags = 0] = [numberOf(args[0]), numberOf(args[1])];
  const hasListener = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  if (operation !== SECCOMP_SET_MODE_FILTER || !hasListener) return [];
  return [{ ...base, kind: 'blind-spot', detail: 'SECCOMP_FILTER_FLAG_NEW_LISTENER' }];
};

/** Of sockets only those are told whose packets the program makes itself. */
const socket: Decoder = (base, args) => {
  const [family, type] = [numberOf(args[0]), socketType(args[1])];
  const call = { ...base, kind: 'blind-spot' } as const;
  if (family === undefined || type === undefined) return [call];
  return isRawSocket(family, type) ? [{ ...call, detail: socketText(family, type) }] : [];
};

/** strace writes the flags that are given with it behind it: `0x3|0x80000`. */
function socketType(value: TracedValue | undefined): number | undefined {
  return value?.kind === 'word' ? numberOf({ ...value, text: value.text.split('|', 1).join('') }) : undefined;
}

/**
 * Whether calls may go by unseen from here on: what a listener decides on goes past the filter of strace, and is performed
 * when the listener says so.
 */
export function hidesCalls({ call, result = 0 }: ObservedCall): boolean {
  return call === 'seccomp' && result >= 0;
}

/** `NULL` where a call may go without a path, as `mount` without a source, is an empty one. */
function pathOf(value: TracedValue | undefined, { result }: Base): ObservedPath {
  if (value?.kind === 'word' && value.text === 'NULL' && result !== EFAULT) return { given: '' };
  if (value?.kind !== 'string') return { given: undefined };
  const given = pathText(Buffer.from(value.bytes, 'latin1'));
  return value.cut ? { given, cut: true } : { given };
}

const DECODERS: ReadonlyMap<string, Decoder> = new Map([
  ['open', open(0, 1, 2)],
  ['creat', open(0, undefined, 1)],
  ['openat', open(1, 2, 3)],
  ['openat2', openat2],
  ['connect', connect],
  ['sendto', sendto],
  ['sendmsg', sendmsg],
  ['sendmmsg', sendmmsg],
  ['execve', exec(0)],
  ['execveat', exec(1)],
  ['bind', socketEffect],
  ['accept', socketEffect],
  ['accept4', socketEffect],
  ['unlink', effect(0)],
  ['unlinkat', effect(1)],
  ['rmdir', effect(0)],
  ['rename', effect(0, 1)],
  ['renameat', effect(1, 3)],
  ['renameat2', effect(1, 3)],
  ['mkdir', effect(0)],
  ['mkdirat', effect(1)],
  ['mknod', effect(0)],
  ['mknodat', effect(1)],
  ['link', effect(0, 1)],
  ['linkat', effect(1, 3)],
  ['symlink', effect(0, 1)],
  ['symlinkat', effect(0, 2)],
  ['chmod', effect(0)],
  ['fchmod', descriptorEffect],
  ['fchmodat', effect(1)],
  ['fchmodat2', effect(1)],
  ['chown', effect(0)],
  ['chown32', effect(0)],
  ['lchown', effect(0)],
  ['lchown32', effect(0)],
  ['fchown', descriptorEffect],
  ['fchown32', descriptorEffect],
  ['fchownat', effect(1)],
  ['truncate', effect(0)],
  ['truncate64', effect(0)],
  ['ftruncate', descriptorEffect],
  ['ftruncate64', descriptorEffect],
  ['mount', effect(0, 1)],
  ['umount', effect(0)],
  ['umount2', effect(0)],
  ['move_mount', effect(1, 3)],
  ['open_tree', effect(1)],
  ['open_tree_attr', effect(1)],
  ['mount_setattr', effect(1)],
  ['pivot_root', effect(0, 1)],
  ['chroot', effect(0)],
  ['io_uring_setup', blindSpot()],
  ['memfd_create', blindSpot()],
  ['open_by_handle_at', blindSpot()],
  ['uselib', blindSpot()],
  ['ptrace', blindSpot(0)],
  ['process_vm_readv', blindSpot()],
  ['process_vm_writev', blindSpot()],
  ['pidfd_getfd', blindSpot()],
  ['bpf', blindSpot(0)],
  ['unshare', blindSpot(0)],
  ['setns', blindSpot(1)],
  ['init_module', blindSpot()],
  ['finit_module', blindSpot()],
  ['seccomp', seccomp],
  ['socket', socket],
  ['fanotify_init', blindSpot()],
  ['acct', blindSpot()],
  ['swapon', blindSpot()],
  ['request_key', blindSpot()],
]);

/** Calls that are told. */
export const TOLD_CALLS: readonly string[] = [...DECODERS.keys()];

/** Calls that make a task; their second part tells its id. */
export const FORKING_CALLS: readonly string[] = ['fork', 'vfork', 'clone', 'clone3'];

const CLONE_THREAD = 0x10000;

/** Whether the new task belongs to the thread group of the one that makes it. */
export function makesThread(name: string, text: string): boolean {
  if (name !== 'clone' && name !== 'clone3') return false;
  const flags = /\bflags=(?<flags>0x[0-9a-f]+|[0-9]+)/.exec(text)?.groups?.['flags'];
  return flags !== undefined && (Number(flags) & CLONE_THREAD) !== 0;
}
