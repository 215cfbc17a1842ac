import type { Readable, Writable } from 'node:stream';

/** A pipe of the kernel: two descriptors, both close-on-exec. */
interface Pipe {
  readonly read: number;
  readonly write: number;
}

/** What the tool needs of the C library, and what neither Node nor Bun offers. */
export interface Native {
  /** Makes this process the parent of every orphaned descendant; false when that cannot be had. */
  becomeSubreaper(): boolean;
  /** Keeps processes of the same user from its memory and its descriptors, until it becomes another program. */
  becomeOpaque(): void;
  /** Collects an ended child that no spawn of this process waits for. Does nothing for a living one. */
  reap(pid: number): void;
  /** Gives every signal its default action and blocks none: a command must not inherit what the runtime ignores. */
  resetSignals(): void;
  /**
   * A real pipe. The runtimes give children sockets, on which `echo > /dev/stderr` fails (ENXIO). Undefined when only
   * sockets can be had.
   */
  openPipe(): { readonly pipe: Pipe; readonly reader: Readable } | undefined;
  /** The same for the input of a child, who gets `read`; the caller closes that. */
  openInputPipe(): { readonly read: number; readonly writer: Writable } | undefined;
}

/** What can be had without the C library: nothing. */
export const withoutLibC: Native = {
  becomeSubreaper: () => false,
  becomeOpaque: () => undefined,
  reap: () => undefined,
  resetSignals: () => undefined,
  openPipe: () => undefined,
  openInputPipe: () => undefined,
};

const libraries = ['libc.so.6', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1'];
const setDumpable = 4;
const setChildSubreaper = 36;
const noHang = 1;
const closeOnExec = 0o2000000;
const setMask = 2;
const lastSignal = 31;

/** Binds the C library that the process already has loaded. Under Node, or without it, the answers are "cannot". */
export async function loadNative(): Promise<Native> {
  if (process.versions['bun'] === undefined) return withoutLibC;
  try {
    return await bindLibC();
  } catch {
    return withoutLibC;
  }
}

async function bindLibC(): Promise<Native> {
  const [{ dlopen }, bun, { Readable }, { closeSync, createWriteStream }] = await Promise.all([
    import('bun:ffi'),
    import('bun'),
    import('node:stream'),
    import('node:fs'),
  ]);
  const { symbols: c } = firstThatOpens((library) =>
    dlopen(library, {
      prctl: { args: ['i32', 'u64', 'u64', 'u64', 'u64'], returns: 'i32' },
      waitpid: { args: ['i32', 'ptr', 'i32'], returns: 'i32' },
      pipe2: { args: ['ptr', 'i32'], returns: 'i32' },
      signal: { args: ['i32', 'ptr'], returns: 'ptr' },
      sigprocmask: { args: ['i32', 'ptr', 'ptr'], returns: 'i32' },
    }),
  );
  const makePipe = (): Pipe | undefined => {
    const ends = new Int32Array(2);
    if (c.pipe2(ends, closeOnExec) !== 0) return undefined;
    const [read = -1, write = -1] = ends;
    return { read, write };
  };
  return {
    becomeSubreaper: () => c.prctl(setChildSubreaper, 1, 0, 0, 0) === 0,
    becomeOpaque: () => void c.prctl(setDumpable, 0, 0, 0, 0),
    reap: (pid) => void c.waitpid(pid, new Int32Array(1), noHang),
    resetSignals: () => {
      for (let signal = 1; signal <= lastSignal; signal++) c.signal(signal, null);
      c.sigprocmask(setMask, new Uint8Array(128), null);
    },
    openPipe: () => {
      const pipe = makePipe();
      if (pipe === undefined) return undefined;
      const reader = Readable.fromWeb(bun.file(pipe.read).stream());
      reader.once('close', () => closeQuietly(closeSync, pipe.read));
      return { pipe, reader };
    },
    openInputPipe: () => {
      const pipe = makePipe();
      return pipe && { read: pipe.read, writer: createWriteStream('', { fd: pipe.write }) };
    },
  };
}

function closeQuietly(close: (descriptor: number) => void, descriptor: number): void {
  try {
    close(descriptor);
  } catch {
    // The stream has closed it already.
  }
}

function firstThatOpens<T>(open: (library: string) => T): T {
  const failures: unknown[] = [];
  for (const library of libraries) {
    try {
      return open(library);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'no C library could be bound');
}
