import { readdirSync, readFileSync } from 'node:fs';

/** A process of this machine. */
export interface FoundProcess {
  readonly pid: number;
  readonly commandLine: readonly string[];
}

/** Living processes that have a text in their command line or in their environment. */
export function processesWith(text: string): readonly FoundProcess[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const commandLine = read(name, 'cmdline');
    const isMeant = commandLine.includes(text) || read(name, 'environ').includes(text);
    return isMeant && isAlive(name) ? [{ pid: Number(name), commandLine: commandLine.split('\0') }] : [];
  });
}

/** As it is now; no words when it has ended. */
export function commandLineOf(pid: number): readonly string[] {
  return read(String(pid), 'cmdline').split('\0');
}

/** A process may end while it is looked at. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** A zombie has ended, only nobody has asked yet. */
function isAlive(pid: string): boolean {
  const status = read(pid, 'status');
  return status !== '' && !/^State:\s*[ZX]/m.test(status);
}
