import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { findExecutable, type Lookup } from './executable-lookup.ts';
import type { Native } from './native.ts';

/** What `hold` becomes once it is released. */
export interface HeldCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What stands before the JSON of the line on stderr that says that the process is held. */
export const readyPrefix = 'toolcrib-hold ';
const word = 'go\n';

/**
 * Says on stderr that this process is held, waits for the word, and becomes the command.
 *
 * @returns an exit code, only when the command was not started: 125 not released, 126 not executable, 127 not found.
 */
export function hold(held: HeldCommand, native: Native): number {
  tell(`${readyPrefix}${JSON.stringify({ held: true, pid: process.pid })}`);
  const heard = readWord();
  if (heard !== word) {
    tell(`sandbox-tools hold: not released: expected "go" and a newline on stdin, got ${JSON.stringify(heard)}`);
    return 125;
  }
  return become(held, native);
}

function become({ command, args, env, cwd }: HeldCommand, native: Native): number {
  const found = findExecutable(command, env['PATH'], cwd);
  if (found.kind !== 'found') return refuse(command, found);
  const interpreter = scriptInterpreter(found.path);
  if (interpreter !== undefined && !existsSync(interpreter)) {
    tell(`sandbox-tools hold: ${found.path}: its interpreter ${interpreter} does not exist`);
    return 127;
  }
  try {
    process.chdir(cwd);
    native.resetSignals();
    process.execve?.(found.path, [command, ...args], env);
    throw new Error('this runtime cannot replace its process');
  } catch (error) {
    tell(`sandbox-tools hold: ${found.path}: ${error instanceof Error ? error.message : String(error)}`);
    return 126;
  }
}

function refuse(command: string, found: Exclude<Lookup, { kind: 'found' }>): number {
  const why = found.kind === 'not-found' ? 'not found in the PATH of the sandbox' : `${found.path} is not executable`;
  tell(`sandbox-tools hold: ${command}: ${why}`);
  return found.kind === 'not-found' ? 127 : 126;
}

/** The path after `#!`. A failed execve ends Node at once, so the usual reason for one is looked for before. */
function scriptInterpreter(path: string): string | undefined {
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(256);
      const text = start.toString('latin1', 0, readSync(file, start));
      return /^#![ \t]*([^ \t\n]+)/.exec(text)?.[1];
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Reads byte by byte: what follows the newline belongs to the command. */
function readWord(): string {
  let heard = '';
  while (!heard.endsWith('\n') && heard.length < 16) {
    const byte = readByte();
    if (byte === undefined) break;
    heard += byte;
  }
  return heard;
}

function readByte(): string | undefined {
  const byte = Buffer.alloc(1);
  for (;;) {
    try {
      return readSync(0, byte, 0, 1, null) === 0 ? undefined : byte.toString('latin1');
    } catch (error) {
      // Whoever shares stdin with this process may have made it non-blocking.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return undefined;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

function tell(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody listens.
  }
}
