import { setTimeout as sleep } from 'node:timers/promises';
import { descendantsOf, hasVariable, listProcesses, type ProcessEntry } from './process-table.ts';

/** Which processes belong together. */
export interface ProcessFamily {
  /** Everything below these pids belongs to the family. */
  readonly ancestors: readonly number[];
  /** These belong to it, themselves and everything below them. */
  readonly members: readonly number[];
  /** `NAME=value`: whoever was started with a variable that begins so belongs to the family, whoever its parent is. */
  readonly variable: string;
  /** These do not, nor this process: `pid` and start time, see {@link identityOf}. */
  readonly spared: ReadonlySet<string>;
}

/** How patiently a family is ended; milliseconds. */
export interface Patience {
  /** Between SIGTERM and SIGKILL. */
  readonly grace: number;
  /** For everything; what lives longer is reported. */
  readonly limit: number;
}

const step = 15;

/** Names a process for good. */
export const identityOf = (entry: ProcessEntry): string => `${entry.pid}@${entry.started}`;

/** The living members of a family, parents before children. */
function livingMembers(family: ProcessFamily, entries = listProcesses()): ProcessEntry[] {
  const others = entries.filter((entry) => entry.pid !== process.pid);
  const marked = others.filter((entry) => hasVariable(entry.pid, family.variable)).map((entry) => entry.pid);
  const heads = new Set([...family.members, ...marked]);
  const below = descendantsOf([...family.ancestors, ...heads], entries);
  const all = new Map([...others.filter((entry) => heads.has(entry.pid)), ...below].map((entry) => [entry.pid, entry]));
  return [...all.values()].filter(
    (entry) => entry.pid !== process.pid && !/[ZX]/.test(entry.state) && !family.spared.has(identityOf(entry)),
  );
}

/**
 * Ends a family: SIGTERM to all, SIGKILL after the grace, again and again for those that appear meanwhile.
 * Without a readable `/proc` only the process groups of `members` can be reached.
 *
 * @returns the pids that still live at the limit, or that this user may not signal.
 */
export async function endFamily(family: ProcessFamily, patience: Patience): Promise<number[]> {
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  let living = livingMembers(family);
  if (listProcesses().length === 0) return endGroups(family.members);
  for (const entry of living) send(entry.pid, 'SIGTERM');
  // A stopped process takes SIGTERM only when it goes on.
  for (const entry of living) send(entry.pid, 'SIGCONT');
  while (living.length > 0 && elapsed() < patience.grace) {
    await sleep(step);
    living = livingMembers(family);
  }
  while (living.length > 0 && elapsed() < patience.limit) {
    for (const entry of living) send(entry.pid, 'SIGKILL');
    await sleep(step);
    living = livingMembers(family);
  }
  return living.map((entry) => entry.pid);
}

function endGroups(leaders: readonly number[]): number[] {
  for (const leader of leaders) send(-leader, 'SIGKILL');
  return [];
}

/** Sends a signal; a process that has ended, or that belongs to somebody else, is not an error. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone, or not ours: the next look at the process table tells.
  }
}
