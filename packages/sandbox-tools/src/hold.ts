import { closeSync, existsSync, openSync, readSync, writeSync } from 'node:fs';
import { findExecutable, type Lookup } from './executable-lookup.ts';
import type { Native } from './native.ts';
import { findShells } from './shell/shell-choice.ts';

/** What `hold` becomes once it is released. */
export interface HeldCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What stands before the JSON of the line on stderr that says that the process is held. */
const readyPrefix = 'toolcrib-hold ';
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
  const format = formatOf(found.path);
  if (format.kind === 'script' && !existsSync(format.interpreter)) {
    tell(`sandbox-tools hold: ${found.path}: its interpreter ${format.interpreter} does not exist`);
    return 127;
  }
  const [shell] = format.kind === 'text' ? findShells(env['PATH'], cwd) : [];
  const file = shell?.path ?? found.path;
  const argv = shell === undefined ? [command, ...args] : [shell.path, ...shell.args, found.path, ...args];
  try {
    process.chdir(cwd);
    native.resetSignals();
    process.execve?.(file, argv, env);
    throw new Error('this runtime cannot replace its process');
  } catch (error) {
    tell(`sandbox-tools hold: ${found.path}: ${error instanceof Error ? error.message : String(error)}`);
    // The file is there: what is missing is the loader that it names.
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 127 : 126;
  }
}

function refuse(command: string, found: Exclude<Lookup, { kind: 'found' }>): number {
  const why = found.kind === 'not-found' ? 'not found in the PATH of the sandbox' : `${found.path} is not executable`;
  tell(`sandbox-tools hold: ${command}: ${why}`);
  return found.kind === 'not-found' ? 127 : 126;
}

type Format =
  { readonly kind: 'binary' } | { readonly kind: 'script'; readonly interpreter: string } | { readonly kind: 'text' };

/**
 * What execve would find. Known before, because a failed execve ends Node at once, and because a script without `#!` is
 * for a shell to run, as execvp does. A file that can be executed but not read is taken for a binary.
 */
function formatOf(path: string): Format {
  const start = startOf(path);
  const interpreter = /^#![ \t]*([^ \t\n]+)/.exec(start)?.[1];
  if (interpreter !== undefined) return { kind: 'script', interpreter };
  return start === '' || start.includes('\0') ? { kind: 'binary' } : { kind: 'text' };
}

function startOf(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const start = Buffer.alloc(256);
      return start.toString('latin1', 0, readSync(file, start));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
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
