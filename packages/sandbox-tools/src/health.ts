import { identity } from './identity.ts';
import { findShells, shellWorks, type Shell } from './shell/shell-choice.ts';

/** The result of a health check; one line of JSON. */
export interface Health {
  readonly tool: string;
  readonly version: number;
  readonly target: string;
  readonly nonce: string;
  readonly uid: number | null;
  readonly gid: number | null;
  /** The shell that ran, or null when the sandbox has none. */
  readonly shell: string | null;
  /** False when there are shells and none of them could be run. */
  readonly ok: boolean;
  readonly problem?: string;
}

/** Checks that the tool can do its work here: it starts a child process, when there is a shell to start. */
export async function checkHealth(nonce: string, env: Readonly<Record<string, string>>, cwd: string): Promise<Health> {
  const shells = findShells(env['PATH'], cwd);
  const working = await firstWorking(shells, env, cwd);
  const ok = working !== undefined || shells.length === 0;
  const names = shells.map((shell) => shell.path).join(', ');
  return {
    ...identity,
    nonce,
    uid: process.getuid?.() ?? null,
    gid: process.getgid?.() ?? null,
    shell: working?.path ?? null,
    ok,
    ...(ok ? {} : { problem: `no shell could be run, though there are: ${names}` }),
  };
}

async function firstWorking(
  shells: readonly Shell[],
  env: Readonly<Record<string, string>>,
  cwd: string,
): Promise<Shell | undefined> {
  for (const shell of shells) if (await shellWorks(shell, env, cwd)) return shell;
  return undefined;
}
