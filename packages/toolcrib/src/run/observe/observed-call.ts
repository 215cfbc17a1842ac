/**
 * What an observer tells of the kernel, whichever observer it is: system calls that ended, with their results. A call
 * that never returned (its task was killed in it) is told as {@link CallBase.result} `undefined`.
 */
export type ObservedCall = OpenCall | ConnectCall | SendCall | ExecCall | EffectCall | ProcessEvent | BlindSpotCall;

interface CallBase {
  /** The system call, by its Linux name, e.g. `openat2`. */
  readonly call: string;
  /** `compat`: a 32-bit call of a 64-bit kernel (`int 0x80`). */
  readonly abi: 'native' | 'compat';
  /** Thread group: what other programs call the process. As the observer's pid namespace counts. */
  readonly pid: number;
  /** The thread that made it. */
  readonly tid: number;
  /** Id of the cgroup v2 that the task was in; undefined when the observer cannot tell. */
  readonly cgroupId?: number;
  /** Nanoseconds of the monotonic clock; undefined when the observer cannot tell. */
  readonly time?: bigint;
  /** What the call returned, a negative errno when it failed; undefined when it never returned. */
  readonly result: number | undefined;
}

/** A path in a system call. Bytes that are not UTF-8, and backslashes, are escaped: see {@link pathText}. */
export interface ObservedPath {
  /**
   * As the program gave it; '' where it gave a descriptor instead. Undefined when it could not be read: that counts as a
   * loss, unless the kernel could not read it either (the result is `EFAULT`).
   */
  readonly given: string | undefined;
  /** Absolute, in the mount namespace of the task, when the observer could resolve it; else undefined. */
  readonly absolute?: string;
  /** It was longer than the observer reads: `given` is its beginning. */
  readonly cut?: true;
  /** It was read when the call had ended: another thread may have changed it while the call ran. */
  readonly late?: true;
}

/** `open`, `openat`, `openat2`, `creat`. */
export interface OpenCall extends CallBase {
  readonly kind: 'open';
  readonly path: ObservedPath;
  readonly flags: number;
  /** The permissions asked for; undefined where the call has none. */
  readonly mode?: number;
  /** `RESOLVE_*` of `openat2`; undefined when it is 0 or another call. */
  readonly resolve?: number;
}

/** The peer of a socket. */
export type Peer =
  | { readonly family: 'inet' | 'inet6'; readonly address: string; readonly port: number }
  /** The path, or `@` and an abstract name; empty for an unnamed socket. */
  | { readonly family: 'unix'; readonly path: string }
  /** Another family, by its number. */
  | { readonly family: 'other'; readonly number: number };

export interface ConnectCall extends CallBase {
  readonly kind: 'connect';
  /** Undefined when it could not be read (that counts as a loss). */
  readonly peer: Peer | undefined;
}

/** `sendto`, `sendmsg`, `sendmmsg`: one per message, with the address that the call names. */
export interface SendCall extends CallBase {
  readonly kind: 'send';
  /** Undefined when the call names none: it goes to the connected peer, which the connect told. */
  readonly peer: Peer | undefined;
  /** The address could not be read, which counts as a loss. */
  readonly unreadable?: true;
}

/** `execve`, `execveat`; `result` is 0 when it replaced the program. */
export interface ExecCall extends CallBase {
  readonly kind: 'exec';
  readonly path: ObservedPath;
}

/** What changes something and is no open: unlink, rename, mkdir, link, chmod, truncate, mount, bind, accept … */
export interface EffectCall extends CallBase {
  readonly kind: 'effect';
  /** In the order of the call: the old name first. */
  readonly paths: readonly ObservedPath[];
  /** Of `bind` and `accept`. */
  readonly peer?: Peer | undefined;
}

/**
 * `fork` and `exit` of a task that is followed; threads are tasks. The result of a `fork` is the id of the new task, that
 * of an `exit` the exit code of its process, or the negative number of the signal that ended it, where that is decided by
 * then; else what the task alone was ended with.
 */
export interface ProcessEvent extends CallBase {
  readonly kind: 'process';
  readonly call: 'fork' | 'exit';
  /** Of `fork`: the thread group of the new task. */
  readonly child?: number;
  /** Of `exit`: the result is what `wait` tells of the process. Default: the observer cannot tell that. */
  readonly isOfProcess?: true;
}

/**
 * A call by which something can happen that an observer of system calls does not see, or that works on the observer:
 * `io_uring_setup`, `memfd_create`, `ptrace`, `bpf`, `unshare`, `setns`, a `socket` for raw packets, a compat call that
 * is not decoded.
 */
export interface BlindSpotCall extends CallBase {
  readonly kind: 'blind-spot';
  /** In a few words, e.g. the request of `ptrace` or the number of a call that is not decoded. */
  readonly detail?: string;
}

/** What became of the calls that a hook saw: `emitted + dropped + missed` is what was performed. */
export interface HookAccount {
  /** The hook or the call, by its name. */
  readonly hook: string;
  /** Told as an {@link ObservedCall}. */
  readonly emitted: number;
  /** Lost because a buffer was full. */
  readonly dropped: number;
  /** Told, but with a path or address that could not be read. */
  readonly unreadable: number;
  /** Not seen by the program of the hook, because it ran already (recursion). */
  readonly missed: number;
}

/**
 * A path of a system call as text: UTF-8 as it is; a byte that is not UTF-8 as `\xNN`; a backslash as `\\`, so that no two
 * paths have the same text.
 */
export function pathText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const isPlain = !text.includes('�') && !text.includes('\\');
  return isPlain ? text : escaped(bytes);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function escaped(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const character = characterAt(bytes, at);
    if (character === undefined) text += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, '0')}`;
    else text += character === '\\' ? '\\\\' : character;
    at += character === undefined ? 1 : Buffer.byteLength(character);
  }
  return text;
}

/** The UTF-8 character that begins there; undefined when none does. */
function characterAt(bytes: Uint8Array, at: number): string | undefined {
  const first = bytes[at] ?? 0;
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  try {
    return decoder.decode(bytes.subarray(at, at + length));
  } catch {
    return undefined;
  }
}
