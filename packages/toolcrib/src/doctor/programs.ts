import { execFile } from 'node:child_process';
import { isSystemError } from '../core/errors.ts';

/** How a program that was asked something ended. */
export type ProgramAnswer =
  | { readonly kind: 'answered'; /** The beginning of what it wrote to stdout and stderr. */ readonly said: string }
  | { readonly kind: 'failed'; readonly said: string }
  | { readonly kind: 'absent' };

/** Most that is taken of what a program says, in bytes. */
const MAX_BYTES = 64 * 1024;

/**
 * Runs a program that answers at once, without a shell, and without anything of the environment but where programs are.
 * @param path value of PATH.
 */
export async function askProgram(
  [program, ...args]: readonly [string, ...string[]],
  path: string,
  signal: AbortSignal,
): Promise<ProgramAnswer> {
  const options = {
    env: { PATH: path, LC_ALL: 'C' },
    cwd: '/',
    signal,
    killSignal: 'SIGKILL',
    maxBuffer: MAX_BYTES,
  } as const;
  return await new Promise((resolve) => {
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      const said = `${stdout}${stderr}`.trim();
      if (error === null) resolve({ kind: 'answered', said });
      else
        resolve(isSystemError(error, 'ENOENT') ? { kind: 'absent' } : { kind: 'failed', said: said || error.message });
    });
    child.stdin?.on('error', () => undefined).end();
  });
}

/** The version in what a program says of itself, e.g. `6.1` of `strace -- version 6.1`; undefined without one. */
export function versionIn(said: string): string | undefined {
  return /\d+(?:\.\d+)+[A-Za-z0-9.+~-]*/.exec(said.split('\n')[0] ?? '')?.[0];
}
