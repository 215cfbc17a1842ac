import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf, UsageError } from '../core/errors.ts';
import type { Host } from './host.ts';

/**
 * Starts a program in a user namespace of its own, with the same user, and as the first process of a process namespace of
 * its own with its own `/proc`; when it ends, all that it started ends (unshare(1)). The user namespace is what keeps it from
 * the environment and the memory of processes outside: the kernel wants the right to trace them (ptrace(2)), which nobody has
 * from within, root neither, nor under another `/proc`.
 */
const APART = [
  ...['unshare', '--user', '--map-current-user', '--pid', '--fork', '--kill-child', '--mount-proc'],
  '--',
] as const;

/** In milliseconds; it does nothing but to start a program that ends. */
const DEADLINE_MS = 10_000;

/**
 * A program with its arguments that starts code of somebody else where it cannot look into this process. Files are not
 * hidden from it, nor what listens on this machine.
 * @throws UsageError `USAGE` where the system has no such thing or does not allow it; the signal's reason.
 */
export async function launcherApart({ env, signal }: Pick<Host, 'env' | 'signal'>): Promise<readonly string[]> {
  const [program, ...args] = [...APART, 'true'];
  try {
    await promisify(execFile)(program, args, {
      env: { PATH: env['PATH'], LC_ALL: 'C' },
      timeout: DEADLINE_MS,
      maxBuffer: 64 * 1024,
      ...(signal !== undefined && { signal }),
    });
    return APART;
  } catch (error) {
    signal?.throwIfAborted();
    const why = 'nothing here keeps a build from reading the tokens of this shell: it is code of the pull request';
    throw new UsageError('USAGE', `${why} (${messageOf(error).trim()})`, {
      hint:
        'tick "rebuild" of the workflow promote-tool-support, or build the commit where there are no credentials and give the ' +
        'folder with --rebuilt DIR; else use Linux with util-linux 2.38 or newer and user namespaces',
      cause: error,
    });
  }
}
