import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';

/** One process, as `/proc/PID/stat` tells of it. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** One letter of proc(5): `Z` and `X` have ended. */
  readonly state: string;
  /** Clock ticks since boot: with the pid it names a process for good, also when the pid is used again. */
  readonly started: string;
}

/** Reads the text of a `/proc/PID/stat`; undefined when it is not one. The command's name may contain anything. */
export function parseProcessStat(text: string): ProcessEntry | undefined {
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  if (open < 1 || close < open) return undefined;
  const fields = text.slice(close + 2).split(' ');
  const [state, parent] = fields;
  const started = fields[19];
  if (state === undefined || started === undefined) return undefined;
  const entry = { pid: Number(text.slice(0, open)), parent: Number(parent), state, started };
  return Number.isSafeInteger(entry.pid) && Number.isSafeInteger(entry.parent) ? entry : undefined;
}

/** The processes that have not ended, or that wait to be reaped; empty when `/proc` cannot be read. */
export function listProcesses(proc = '/proc'): ProcessEntry[] {
  return namesIn(proc).flatMap((name) => {
    const entry = /^[0-9]+$/.test(name) ? parseProcessStat(textOf(`${proc}/${name}/stat`)) : undefined;
    return entry === undefined ? [] : [entry];
  });
}

/** Whether a process was started with a variable that begins with `NAME=value`; false when that cannot be read. */
export function hasVariable(pid: number, variable: string, proc = '/proc'): boolean {
  return `\0${startOf(`${proc}/${pid}/environ`, 1 << 20)}`.includes(`\0${variable}`);
}

/** The pids below the roots in the parent chain, parents before their children; the roots themselves are left out. */
export function descendantsOf(roots: Iterable<number>, entries: readonly ProcessEntry[]): ProcessEntry[] {
  const children = Map.groupBy(entries, (entry) => entry.parent);
  const found = new Map<number, ProcessEntry>();
  const queue = [...roots];
  const seen = new Set(queue);
  for (const pid of queue) {
    for (const child of children.get(pid) ?? []) {
      if (seen.has(child.pid)) continue;
      seen.add(child.pid);
      found.set(child.pid, child);
      queue.push(child.pid);
    }
  }
  return [...found.values()];
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function startOf(path: string, limit: number): string {
  try {
    const file = openSync(path, 'r');
    try {
      const parts: Buffer[] = [];
      for (let total = 0; total < limit;) {
        const part = Buffer.alloc(65_536);
        const read = readSync(file, part);
        if (read === 0) break;
        parts.push(part.subarray(0, read));
        total += read;
      }
      return Buffer.concat(parts).toString('latin1');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
