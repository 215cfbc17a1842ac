import type { ChildProcess } from 'node:child_process';
import { isSystemError } from '../core/errors.ts';

/**
 * Waits for the end of a process that leads a group of its own (`detached`); nothing is left of the group then.
 * @param signal kills the group.
 * @returns the exit code, the signal that ended it, or why it did not start.
 */
export async function endOfProcessGroup(child: ChildProcess, signal: AbortSignal): Promise<number | string | Error> {
  const stop = (): void => killProcessGroup(child);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await new Promise((resolve) => {
      child.once('error', resolve);
      // What it left behind in its group would hold the output open.
      child.once('exit', () => killProcessGroup(child));
      child.once('close', (code, by) => resolve(code ?? by ?? 'an unknown signal'));
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Ends a process that leads a group of its own, and all of the group. @param signal another one asks politely. */
export function killProcessGroup(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: all gone. EPERM: macOS says so of a group of which only the unreaped leader is left; elsewhere what is left
    // belongs to another user by now.
    if (!isSystemError(error, 'ESRCH', 'EPERM')) throw error;
  }
}

/** Whether anything is left of a group, also what nobody has reaped yet; false for what runs as somebody else by now. */
export function isProcessGroupAlive(leader: number): boolean {
  try {
    return process.kill(-leader, 0);
  } catch (error) {
    if (isSystemError(error, 'ESRCH', 'EPERM')) return false;
    throw error;
  }
}
