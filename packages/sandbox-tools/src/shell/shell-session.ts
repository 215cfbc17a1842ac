import { readlinkSync } from 'node:fs';
import type { Native } from '../native.ts';
import { endFamily, identityOf, send, type ProcessFamily } from '../process/process-ending.ts';
import { listProcesses } from '../process/process-table.ts';
import { KeptOutput } from './kept-output.ts';
import { formatRequest, MarkerScanner, preamble, type Marker } from './shell-protocol.ts';
import type { Shell } from './shell-choice.ts';
import { startShell, type ShellEnd, type ShellProcess } from './shell-process.ts';

/** Why a call was ended before its command was. */
export type Interruption = 'timeout' | 'cancelled' | 'restart';

/** What came of one call. Only after `finished` the session can be used again. */
export type Outcome =
  | { readonly kind: 'finished'; readonly output: string; readonly exitCode: number }
  | { readonly kind: 'ended'; readonly output: string; readonly end: ShellEnd }
  | {
      readonly kind: 'interrupted';
      readonly output: string;
      readonly why: Interruption;
      /** Where the shell was: a next session may start there. Undefined when it cannot be told. */
      readonly cwd: string | undefined;
      /** Processes that could not be ended. */
      readonly survivors: readonly number[];
    };

/** Everything a session needs to start. */
export interface SessionSettings {
  readonly shell: Shell;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly native: Native;
  /** `NAME=value` that is in `env` and in no other session's. */
  readonly variable: string;
  /** Bytes of output that a call keeps. */
  readonly outputLimit: number;
  /** The redirection that gives commands an empty standard input. */
  readonly stdin: string;
  readonly newMarker: () => Marker;
}

const patience = { grace: 400, limit: 3000 };

/** One shell whose state lasts from call to call. Calls must not overlap. */
export class ShellSession {
  readonly #settings: SessionSettings;
  readonly #process: ShellProcess;
  #output: KeptOutput;
  /** The output of the call that has finished, while newer output already arrives. */
  #finished: KeptOutput | undefined;
  #scanner: MarkerScanner | undefined;
  #finish: ((exitCode: number) => void) | undefined;

  constructor(settings: SessionSettings) {
    this.#settings = settings;
    this.#output = new KeptOutput(settings.outputLimit);
    this.#process = startShell(settings.shell, settings.env, settings.cwd, settings.native);
    this.#process.onOutput((chunk) => this.#take(chunk));
    this.#process.write(preamble);
  }

  /** The shell's pid; undefined when it could not be started. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves when the shell has ended, also between calls. */
  get ended(): Promise<ShellEnd> {
    return this.#process.ended;
  }

  /**
   * Runs a command and waits until it, not what it left in the background, is done. What background processes wrote
   * since the last call comes first in the output. After `timeout` milliseconds, or an abort, the shell and everything that the command started are ended;
   * background processes of earlier calls live on.
   */
  async run(command: string, timeout: number, signal: AbortSignal): Promise<Outcome> {
    const before = new Set(listProcesses().map(identityOf));
    const marker = this.#settings.newMarker();
    this.#scanner = new MarkerScanner(marker);
    const finished = new Promise<number>((resolve) => (this.#finish = resolve));
    const interruption = interruptionBy(timeout, signal);
    this.#process.write(formatRequest(command, marker, this.#settings.stdin));
    const result = await Promise.race([
      finished.then((exitCode) => ({ kind: 'finished' as const, exitCode })),
      this.#process.ended.then((end) => ({ kind: 'ended' as const, end })),
      interruption.happened.then((why) => ({ kind: 'interrupted' as const, why })),
    ]);
    interruption.forget();
    if (result.kind === 'interrupted') return this.#stop(result.why, before);
    return { ...result, output: this.#takeOutput() };
  }

  /** Ends the shell and everything that was ever started in it; the pids that could not be ended. */
  async end(): Promise<number[]> {
    return this.#endExcept(new Set());
  }

  async #stop(why: Interruption, before: ReadonlySet<string>): Promise<Outcome> {
    const { pid } = this.#process;
    // Stopped first: the shell must not go on with the next command when the current one is ended.
    if (pid !== undefined) send(pid, 'SIGSTOP');
    const cwd = pid === undefined ? undefined : workingDirectory(pid);
    const survivors = await this.#endExcept(why === 'restart' ? new Set() : before);
    return { kind: 'interrupted', why, cwd, survivors, output: this.#takeOutput() };
  }

  async #endExcept(before: ReadonlySet<string>): Promise<number[]> {
    const { pid } = this.#process;
    if (pid === undefined) return [];
    const ancestors = [pid];
    const family = {
      ancestors,
      members: [],
      variable: this.#settings.variable,
      spared: before,
    } satisfies ProcessFamily;
    const shell = listProcesses().find((entry) => entry.pid === pid);
    const spared = new Set(before);
    if (shell !== undefined) spared.add(identityOf(shell));
    // The command's processes first, with time to clean up, while the shell stands still; then the shell.
    const unknown = listProcesses().length === 0;
    const survivors = unknown
      ? await endFamily({ ...family, members: ancestors }, patience)
      : await endFamily({ ...family, spared }, patience);
    send(pid, 'SIGKILL');
    await this.#process.ended;
    this.#process.close();
    return survivors;
  }

  #take(chunk: Uint8Array): void {
    if (this.#scanner === undefined) {
      this.#output.push(chunk);
      return;
    }
    const { output, end } = this.#scanner.scan(chunk);
    this.#output.push(output);
    if (end === undefined) return;
    this.#scanner = undefined;
    // What follows the marker belongs to the next call.
    const done = this.#output;
    this.#output = new KeptOutput(this.#settings.outputLimit);
    this.#output.push(end.rest);
    this.#finished = done;
    this.#finish?.(end.exitCode);
  }

  #takeOutput(): string {
    const output = this.#finished ?? this.#output;
    if (this.#finished === undefined) output.push(this.#scanner?.flush() ?? Buffer.alloc(0));
    this.#finished = undefined;
    return output.text();
  }
}

/** Resolves with what comes first: the timeout, or the abort of the signal, whose reason may be `'restart'`. */
function interruptionBy(
  timeout: number,
  signal: AbortSignal,
): { readonly happened: Promise<Interruption>; forget(): void } {
  const { promise, resolve } = Promise.withResolvers<Interruption>();
  const abort = () => resolve(signal.reason === 'restart' ? 'restart' : 'cancelled');
  const timer = setTimeout(() => resolve('timeout'), timeout);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  return {
    happened: promise,
    forget: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
  };
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}
