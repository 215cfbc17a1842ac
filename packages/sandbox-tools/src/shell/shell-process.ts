import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import type { Native } from '../native.ts';
import type { Shell } from './shell-choice.ts';

/** How a shell process came to its end. */
export interface ShellEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set when it could not be started at all. */
  readonly error?: Error;
}

/** A running shell: where its input goes, where its output comes from. */
export interface ShellProcess {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  write(text: string): void;
  onOutput(listener: (chunk: Uint8Array) => void): void;
  /** Resolves when the shell has ended and the output that it left has been read. */
  readonly ended: Promise<ShellEnd>;
  /** Stops reading, so that a background process that keeps the output open does not keep this process. */
  close(): void;
}

/** Output that was written before the shell ended is in the pipe by then: reading it takes less than this; ms. */
const drainTime = 100;

/** Starts a shell in a session and process group of its own. Never throws: `ended` tells. */
export function startShell(
  shell: Shell,
  env: Readonly<Record<string, string>>,
  cwd: string,
  native: Native,
): ShellProcess {
  const real = native.openPipe();
  try {
    const out = real?.pipe.write ?? 'pipe';
    const child = spawn(shell.path, [...shell.args], { env, cwd, detached: true, stdio: ['pipe', out, out] });
    return attach(child, real === undefined ? [child.stdout, child.stderr] : [real.reader]);
  } catch (error) {
    real?.reader.destroy();
    return neverStarted(error instanceof Error ? error : new Error(String(error)));
  } finally {
    if (real !== undefined) closeSync(real.pipe.write);
  }
}

function attach(child: ChildProcess, streams: readonly (Readable | null)[]): ShellProcess {
  const outputs = streams.filter((stream) => stream !== null);
  for (const stream of outputs) stream.on('error', () => undefined);
  // A shell that ends before it has read everything is reported by its end, not by EPIPE.
  child.stdin?.on('error', () => undefined);
  const drained = Promise.all(outputs.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  const end = new Promise<ShellEnd>((resolve) => {
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    child.once('error', (error) => resolve({ exitCode: null, signal: null, error }));
  });
  const close = () => {
    child.stdin?.destroy();
    for (const stream of outputs) stream.destroy();
  };
  return {
    pid: child.pid,
    write: (text) => void child.stdin?.write(text),
    onOutput: (listener) => {
      for (const stream of outputs) stream.on('data', listener);
    },
    ended: end.then(async (how) => {
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, drainTime))]);
      return how;
    }),
    close,
  };
}

function neverStarted(error: Error): ShellProcess {
  return {
    pid: undefined,
    write: () => undefined,
    onOutput: () => undefined,
    ended: Promise.resolve({ exitCode: null, signal: null, error }),
    close: () => undefined,
  };
}
