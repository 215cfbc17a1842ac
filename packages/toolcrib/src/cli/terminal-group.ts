import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

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

/** @param status of a process as in `/proc/PID/stat`, where the second field is its name, in parentheses, whatever it is. */
export function isForeground(status: string): boolean {
  const fields = status.slice(status.lastIndexOf(')') + 2).split(' ');
  const [, , group, , terminal, foreground] = fields;
  return terminal !== '0' && foreground === group;
}
