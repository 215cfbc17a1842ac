import { constants } from 'node:fs';
import { access, open, stat } from 'node:fs/promises';
import { constants as system } from 'node:os';
import { join, resolve } from 'node:path';
import type { SpawnError } from '../../child-process.ts';
import { spawnErrorOfErrno } from '../errno.ts';
import type { ObservedCommand } from '../observer.ts';

/** A command line as strace is to start it. */
interface FoundCommand {
  readonly command: readonly string[];
}

/** Where `execvp` looks when there is no PATH. */
const DEFAULT_PATH = '/bin:/usr/bin';

/** How much of a file the kernel looks at to find out what starts it. */
const HEAD_BYTES = 256;

/**
 * Looks a program up as `execvp` does, because strace would write what it does not find to the command's standard error.
 * A text without `#!` is one for `/bin/sh`.
 * @returns why it cannot be started.
 */
export async function findProgram(options: ObservedCommand): Promise<FoundCommand | SpawnError> {
  const [name = '', ...args] = options.command;
  if (name === '') return spawnErrorOf('ENOENT');
  if ([...options.command, ...Object.entries(options.env).flat()].some((text) => text?.includes('\0') === true)) {
    return { code: 'INVALID', reason: 'an argument or a variable that no system takes (a NUL character)' };
  }
  const against = await reasonAgainstFolder(options.cwd);
  if (against !== undefined) return against;
  const found = await firstThatStarts(name, options);
  if (typeof found !== 'string') return found;
  if (await isShellScript(found)) return { command: ['/bin/sh', found, ...args] };
  // strace looks up names in PATH, too: then the program gets its name as it was given.
  const isLookedUp = !name.includes('/') && options.env['PATH'] !== undefined;
  return { command: [isLookedUp ? name : found, ...args] };
}

async function firstThatStarts(name: string, options: ObservedCommand): Promise<string | SpawnError> {
  if (name.includes('/')) return (await reasonAgainst(resolve(options.cwd, name))) ?? name;
  let reason = spawnErrorOf('ENOENT');
  for (const directory of (options.env['PATH'] ?? DEFAULT_PATH).split(':')) {
    const path = join(resolve(options.cwd, directory), name);
    const against = await reasonAgainst(path);
    if (against === undefined) return path;
    // As execvp: one that may not be started is remembered, and the search goes on.
    if (against.code === 'EACCES') reason = against;
  }
  return reason;
}

/** Why nothing can be started there; undefined when nothing speaks against it. */
async function reasonAgainstFolder(path: string): Promise<SpawnError | undefined> {
  try {
    if (!(await stat(path)).isDirectory()) return spawnErrorOf('ENOTDIR');
    await access(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return spawnErrorOf(systemCode(error));
  }
}

/** Why the kernel would not start this file; undefined when nothing speaks against it. */
async function reasonAgainst(path: string, isInterpreter = false): Promise<SpawnError | undefined> {
  try {
    if (!(await stat(path)).isFile()) return spawnErrorOf('EACCES');
    await access(path, constants.X_OK);
  } catch (error) {
    return spawnErrorOf(systemCode(error));
  }
  const interpreter = isInterpreter
    ? undefined
    : /^#![ \t]*(?<path>\/[^ \t\n]*)/.exec(await headOf(path))?.groups?.['path'];
  return interpreter === undefined ? undefined : await reasonAgainst(interpreter, true);
}

async function isShellScript(path: string): Promise<boolean> {
  const head = await headOf(path);
  return head !== '' && !head.startsWith('#!') && !head.startsWith('\x7fELF') && !head.includes('\0');
}

/** Its first bytes; none of a program that may be started but not read. */
async function headOf(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return buffer.toString('latin1', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    systemCode(error);
    return '';
  }
}

/** @throws what is no error of the system. */
function systemCode(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  throw error;
}

/** @param code the system's name of an error. */
export function spawnErrorOf(code: string): SpawnError {
  const [, number] = Object.entries(system.errno).find(([name]) => name === code) ?? [];
  return number === undefined ? { code, reason: code } : spawnErrorOfErrno(number);
}
