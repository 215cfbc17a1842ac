import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { statFields } from '../core/process-stat.ts';

/**
 * Whether what is typed at the controlling terminal reaches the process group of this process: wherever its streams lead.
 * Where the system does not tell that in `/proc`, a stream that is a terminal is taken for it.
 */
export function hasTerminal(): boolean {
  const status = ownStatus();
  return status === undefined ? [0, 1, 2].some((descriptor) => isatty(descriptor)) : isForeground(status);
}

function ownStatus(): string | undefined {
  try {
    return readFileSync('/proc/self/stat', 'latin1');
  } catch {
    return undefined;
  }
}

/** @param status of a process as in `/proc/PID/stat`. */
export function isForeground(status: string): boolean {
  const [, , group, , terminal, foreground] = statFields(status);
  return terminal !== '0' && foreground === group;
}
