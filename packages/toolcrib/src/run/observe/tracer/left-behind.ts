import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasEnded, statFields } from '../../../core/process-stat.ts';
import type { ProcessFate } from '../../child-process.ts';

/** Milliseconds between two looks. */
const LOOK_MS = 20;
/** Milliseconds until a process that is killed has to be gone. */
const DEATH_MS = 2000;
/** Milliseconds that a guard has, which itself has 10 seconds: native/tracer/ending.c. */
const GUARD_MS = 11_000;

/** A process, told by its start from those that get its number later. */
export interface KnownProcess {
  readonly pid: number;
  /** In clock ticks since boot, as the kernel writes it. */
  readonly start: string;
}

/** What a tracer may leave behind; undefined for what is not known. */
export interface LeftBehind {
  readonly command: KnownProcess | undefined;
  /** Ends what the tracer has marked, when that is gone. */
  readonly guard: KnownProcess | undefined;
}

/** The process of that number, if it is a child of that parent. */
export function childOf(pid: number, parent: number | undefined): KnownProcess | undefined {
  const found = pid > 0 ? look(pid) : undefined;
  return found !== undefined && found.parent === parent ? { pid, start: found.start } : undefined;
}

/**
 * Sees to it that what a tracer started is gone when it is: the guard may do its work before. In bounded time, and never
 * rejects.
 * @returns what became of the command.
 */
export async function endLeftBehind({ command, guard }: LeftBehind): Promise<ProcessFate> {
  const [fate] = await Promise.all([endNow(command), letEnd(guard)]);
  return fate;
}

/** Kills the command, for {@link DEATH_MS} at most. Never rejects. @returns what became of it. */
export async function endNow(command: KnownProcess | undefined): Promise<ProcessFate> {
  if (command === undefined) return 'unknown';
  return (await isGoneWithin(DEATH_MS, command, () => 'SIGKILL')) ? 'gone' : 'running';
}

/** One that somebody has stopped is made to go on. */
async function letEnd(guard: KnownProcess | undefined): Promise<void> {
  if (guard === undefined) return;
  const isGone = await isGoneWithin(GUARD_MS, guard, (state) => (/[Tt]/.test(state) ? 'SIGCONT' : undefined));
  if (!isGone) await isGoneWithin(DEATH_MS, guard, () => 'SIGKILL');
}

/** @param remedy the signal for a process in that state. */
async function isGoneWithin(
  limitMs: number,
  { pid, start }: KnownProcess,
  remedy: (state: string) => NodeJS.Signals | undefined,
): Promise<boolean> {
  const limit = performance.now() + limitMs;
  for (;;) {
    const found = look(pid);
    if (found?.start !== start || found.hasEnded) return true;
    if (performance.now() > limit) return false;
    const signal = remedy(found.state);
    if (signal !== undefined) send(pid, signal);
    await sleep(LOOK_MS);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone, or not this process's to signal: whether it is there is looked at again.
  }
}

interface Found {
  readonly state: string;
  readonly parent: number;
  readonly start: string;
  readonly hasEnded: boolean;
}

function look(pid: number): Found | undefined {
  const fields = statFields(statOf(pid));
  const [state = '', parent, start] = [fields[0], fields[1], fields[19]];
  return start === undefined ? undefined : { state, parent: Number(parent), start, hasEnded: hasEnded(fields) };
}

function statOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return '';
  }
}
