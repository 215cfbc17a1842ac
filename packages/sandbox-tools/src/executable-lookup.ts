import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Where a command was found, or why it was not. */
export type Lookup =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'not-executable'; readonly path: string }
  | { readonly kind: 'not-found' };

/** What `execvp` searches when `PATH` is unset, and more: sandboxes without a `PATH` still have their programs here. */
export const wellKnownDirectories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * The files that a command name may mean, in order. A name with a slash is a path; an empty entry of `PATH` is `cwd`.
 */
function candidatePaths(command: string, searchPath: string | undefined, cwd: string): string[] {
  if (command === '') return [];
  if (command.includes('/')) return [resolve(cwd, command)];
  const directories =
    searchPath === undefined || searchPath === '' ? wellKnownDirectories : searchPath.split(':').map((d) => d || '.');
  return directories.map((directory) => resolve(cwd, directory, command));
}

/** Finds the file to execute for a command, as a shell would. */
export function findExecutable(command: string, searchPath: string | undefined, cwd: string): Lookup {
  let refused: string | undefined;
  for (const path of candidatePaths(command, searchPath, cwd)) {
    const answer = examine(path);
    if (answer === 'executable') return { kind: 'found', path };
    if (answer === 'present') refused ??= path;
  }
  return refused === undefined ? { kind: 'not-found' } : { kind: 'not-executable', path: refused };
}

function examine(path: string): 'executable' | 'present' | 'absent' {
  try {
    if (!statSync(path).isFile()) return 'present';
    accessSync(path, constants.X_OK);
    return 'executable';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'EACCES' ? 'present' : 'absent';
  }
}
