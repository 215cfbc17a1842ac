import { spawnSync } from 'node:child_process';
import { findExecutable, wellKnownDirectories } from '../executable-lookup.ts';

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

/** Whether a shell really runs here, by running it. */
export function shellWorks(shell: Shell, env: Readonly<Record<string, string>>, cwd: string): boolean {
  const word = 'shell-works';
  const child = spawnSync(shell.path, shell.args.concat('-c', `echo ${word}`), {
    env,
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 10_000,
    maxBuffer: 65_536,
  });
  return child.error === undefined && child.stdout.toString().includes(word);
}
