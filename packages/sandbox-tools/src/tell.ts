import { writeSync } from 'node:fs';

/** Says a line on stderr, to whoever listens. */
export function tell(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Nobody listens.
  }
}
