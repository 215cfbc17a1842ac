import { findExecutable, wellKnownDirectories } from '../executable-lookup.ts';
import { withoutLibC } from '../native.ts';
import { send } from '../process/process-ending.ts';
import { startShell } from './shell-process.ts';

/** A program that reads shell commands from its standard input when it is started with `args`. */
export interface Shell {
  readonly path: string;
  readonly args: readonly string[];
}

const wanted = [
  { name: 'bash', args: ['--noprofile', '--norc'] },
  { name: 'sh', args: [] },
  { name: 'busybox', args: ['sh'] },
];
const otherPlaces = ['/usr/local/bin', '/run/current-system/sw/bin', '/opt/bin', '/'];

/** The shells of a sandbox, best first: bash, then sh, then busybox; in its `PATH`, then in well-known places. */
export function findShells(searchPath: string | undefined, cwd: string): Shell[] {
  const places = [searchPath ?? '', [...wellKnownDirectories, ...otherPlaces].join(':')];
  return wanted.flatMap(({ name, args }) => {
    for (const place of places) {
      const found = findExecutable(name, place, cwd);
      if (found.kind === 'found') return [{ path: found.path, args }];
    }
    return [];
  });
}

/** Milliseconds that a shell may take to answer the health check. */
const patience = 10_000;

/** Whether a shell really runs here, by running it. */
export async function shellWorks(shell: Shell, env: Readonly<Record<string, string>>, cwd: string): Promise<boolean> {
  const started = startShell(shell, env, cwd, withoutLibC);
  let output = '';
  started.onOutput((chunk) => {
    output = (output + Buffer.from(chunk).toString('latin1')).slice(-1024);
  });
  started.write('echo shell-""works; exit\n');
  const timer = setTimeout(() => {
    if (started.pid !== undefined) send(started.pid, 'SIGKILL');
  }, patience);
  const { exitCode } = await started.ended;
  clearTimeout(timer);
  started.close();
  return exitCode === 0 && output.includes('shell-works');
}
