import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lstatOrUndefined } from '../../disk/file-kind.ts';

const run = promisify(execFile);

/** In milliseconds: it takes a few hundredths of a second. */
const PATIENCE = 10_000;

/** Wraps a command so that it runs isolated in a directory. */
export interface Isolation {
  /**
   * @param argv the program and its arguments, as they are seen inside.
   * @param cwd a path inside.
   */
  wrap(argv: readonly string[], cwd: string): readonly string[];
}

/**
 * Isolation by bubblewrap, with the directory as the root of what programs see: bwrap(1). It is there when the directory
 * is a root file system with a `/bin/sh`, and when this machine lets its user make namespaces.
 * @param root absolute.
 * @param env where PATH says what is installed.
 * @returns undefined where it cannot be had.
 */
export async function findIsolation(
  root: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Isolation | undefined> {
  // A directory of files is no root file system: nothing could be started in it.
  if ((await lstatOrUndefined(join(root, 'bin'))) === undefined) return undefined;
  const program = await findProgram('bwrap', env['PATH'] ?? '');
  if (program === undefined) return undefined;
  const wrap = (argv: readonly string[], cwd: string) => wrapped(program, root, argv, cwd);
  const [file = '', ...args] = wrap(['/bin/sh', '-c', ':'], '/');
  try {
    // The shell may be an agent's, and this once nobody else keeps it away from our terminal.
    await run(file, ['--new-session', ...args], { env: {}, timeout: PATIENCE });
  } catch {
    return undefined;
  }
  return { wrap };
}

/**
 * The shell tells what a program that cannot be started ends with: bubblewrap has the one code 1 for everything. The
 * user is root inside, as placements and their owners have it, and has no capability that reaches outside. There is no
 * `--new-session`: who starts it gives it one, so that all of it can be ended with its process group.
 */
function wrapped(program: string, root: string, argv: readonly string[], cwd: string): readonly string[] {
  return [
    program,
    ...['--unshare-all', '--unshare-user', '--uid', '0', '--gid', '0', '--die-with-parent'],
    ...['--bind', root, '/', '--dev', '/dev', '--proc', '/proc', '--chdir', cwd],
    ...['--', '/bin/sh', '-c', 'exec "$@"', 'sh', ...argv],
  ];
}

async function findProgram(name: string, path: string): Promise<string | undefined> {
  for (const folder of path.split(':').filter((one) => one.startsWith('/'))) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
