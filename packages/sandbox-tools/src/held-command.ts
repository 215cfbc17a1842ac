import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { findExecutable, type Lookup } from './executable-lookup.ts';
import { findShells } from './shell/shell-choice.ts';
import { tell } from './tell.ts';

/** What `hold` starts once it is released. */
export interface HeldCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What is to be executed for a command. */
export interface HeldProgram {
  /** What was found under the command's name. */
  readonly path: string;
  /** The same, or the shell that runs it. */
  readonly file: string;
  readonly argv: readonly [string, ...string[]];
}

/** Finds what to execute; says on stderr when nothing can be. @returns 126 not executable, 127 not found. */
export function findProgram({ command, args, env, cwd }: HeldCommand): HeldProgram | number {
  const found = findExecutable(command, env['PATH'], cwd);
  if (found.kind !== 'found') return refuse(command, found);
  const { path } = found;
  const format = formatOf(path);
  if (format.kind === 'script' && !existsSync(format.interpreter)) {
    tell(`sandbox-tools hold: ${path}: its interpreter ${format.interpreter} does not exist`);
    return 127;
  }
  const [shell] = format.kind === 'text' ? findShells(env['PATH'], cwd) : [];
  if (shell === undefined) return { path, file: path, argv: [command, ...args] };
  return { path, file: shell.path, argv: [shell.path, ...shell.args, path, ...args] };
}

/** Says why the program could not be executed after all. @returns 126 or 127. */
export function refuseStart({ path }: HeldProgram, error: unknown): number {
  tell(`sandbox-tools hold: ${path}: ${error instanceof Error ? error.message : String(error)}`);
  // The file is there: what is missing is the loader that it names.
  return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 127 : 126;
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
