import type { Clock } from '../../../core/clock.ts';
import type { ProcessEnd } from '../../child-process.ts';
import { isStopped, processStatus } from '../process-status.ts';
import type { Guard } from './guard.ts';

/** A command that signals are sent to, and what ends it when they do not arrive. */
export interface SignalledRun {
  readonly pid: number;
  readonly end: Promise<ProcessEnd>;
  readonly guard: Guard;
}

/**
 * Sees to it that a signal has its effect. The command can stop its strace: then it stands still itself, and not even
 * SIGKILL brings its end about. When the command has not ended after a while, everything is ended if the signal was SIGKILL, or
 * strace is stopped; nobody but the command does that, so there is nothing to wait for.
 * @param limit milliseconds to wait, and by which clock.
 */
export async function endIfStopped(
  run: SignalledRun,
  signal: NodeJS.Signals,
  limit: { readonly clock: Clock; readonly waitMs: number },
): Promise<void> {
  const hasEnded = new AbortController();
  void run.end.then(() => hasEnded.abort());
  try {
    await limit.clock.sleep(limit.waitMs, hasEnded.signal);
  } catch {
    return;
  }
  if (signal === 'SIGKILL' || (await isTracerStopped(run.pid))) await run.guard.endAll();
}

/** Milliseconds between two looks. */
const LOOK_MS = 500;

/**
 * Ends a run whose strace stands still for a while: so does the command at its next call, and not even its end is told then. Time
 * in which this process stood still, too, does not count.
 */
export async function endWhenStopped(
  run: SignalledRun,
  limit: { readonly clock: Clock; readonly waitMs: number },
): Promise<void> {
  const hasEnded = new AbortController();
  void run.end.then(() => hasEnded.abort());
  for (let stoppedMs = 0; stoppedMs < limit.waitMs;) {
    try {
      await limit.clock.sleep(LOOK_MS, hasEnded.signal);
    } catch {
      return;
    }
    stoppedMs = (await isTracerStopped(run.pid)) ? stoppedMs + LOOK_MS : 0;
  }
  await run.guard.endAll();
}

async function isTracerStopped(pid: number): Promise<boolean> {
  const tracer = /^TracerPid:\s*(?<pid>[1-9]\d*)$/m.exec(await processStatus(pid))?.groups?.['pid'];
  return tracer !== undefined && (await isStopped(tracer));
}
