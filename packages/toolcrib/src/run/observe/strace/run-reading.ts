import type { Clock } from '../../../core/clock.ts';
import { isSystemError } from '../../../core/errors.ts';
import type { ProcessEnd } from '../../child-process.ts';
import type { ObservedCall } from '../observed-call.ts';
import type { CaptureReport, ObservedRun } from '../observer.ts';
import { processStatus } from '../process-status.ts';
import type { Guard } from './guard.ts';
import { STRACE_PERTURBATIONS } from './strace-arguments.ts';
import type { TracePipe } from './trace-pipe.ts';
import type { TraceReader } from './trace-reader.ts';

/** A command that runs under strace, after its own `execve`. */
export interface TracedRun {
  readonly end: Promise<ProcessEnd>;
  readonly pipe: TracePipe;
  readonly guard: Guard;
  readonly reader: TraceReader;
  /** Read already. */
  readonly calls: readonly ObservedCall[];
  readonly attachMs: number;
}

interface DrainLimit {
  readonly clock: Clock;
  /** Milliseconds after the command's end. */
  readonly drainMs: number;
}

/** Reads what strace tells until its end, or until the drain limit is over. */
export function readRun(run: TracedRun, limit: DrainLimit): Pick<ObservedRun, 'calls' | 'capture'> {
  const reading = Promise.withResolvers<CaptureReport>();
  return { calls: callsOf(run, limit, reading.resolve), capture: reading.promise };
}

async function* callsOf(
  run: TracedRun,
  limit: DrainLimit,
  finish: (report: CaptureReport) => void,
): AsyncGenerator<ObservedCall> {
  const { pipe, reader } = run;
  const drain = startDrain(run, limit);
  let isRead = false;
  try {
    yield* run.calls;
    for (;;) {
      const next = await pipe.chunks.next();
      if (next.done === true) break;
      yield* reader.read(next.value);
    }
    isRead = true;
    // Before the reader forgets them: tasks that strace did not see end.
    const left = reader.alive();
    yield* reader.end();
    const survivors = await drain.stop();
    // At the drain limit, too, strace tells the ends of what is ended: unless it does not move, and is ended itself.
    if (left.size > 0) await killOrphans(left);
    finish(report(run, { survivors: survivors ?? 0, endedEarly: left.size > 0 }));
  } finally {
    if (!isRead) {
      await run.guard.endAll();
      const survivors = await drain.stop();
      finish(report(run, { survivors: survivors ?? 0, endedEarly: true }));
    }
    await run.guard.dismiss();
    await pipe.close();
  }
}

/** Ends what is left when the time after the command's end is over. */
function startDrain({ end, guard, reader }: TracedRun, { clock, drainMs }: DrainLimit) {
  const isOver = new AbortController();
  let survivors: number | undefined;
  let ending: Promise<void> | undefined;
  const endSurvivors = (): void => {
    if (isOver.signal.aborted) return;
    survivors = reader.alive().size;
    ending = guard.endAll();
  };
  // Rejects when everything ended in time.
  void end.then(() => clock.sleep(drainMs, isOver.signal)).then(endSurvivors, () => undefined);
  return {
    /** Does not wait for the command. @returns how many processes were ended; undefined when the limit was not reached. */
    async stop(): Promise<number | undefined> {
      isOver.abort(new Error('all has been read'));
      await ending;
      return survivors;
    },
  };
}

function report(run: TracedRun, end: { readonly survivors: number; readonly endedEarly: boolean }): CaptureReport {
  const ended = `what was left of the run at the drain limit was ended (processes: ${end.survivors})`;
  return {
    attribution: 'proven',
    accounts: run.reader.accounts(),
    ...end,
    perturbations: end.survivors === 0 ? STRACE_PERTURBATIONS : [...STRACE_PERTURBATIONS, ended],
    attachMs: run.attachMs,
  };
}

/**
 * Ends tasks whose strace is gone. Its filter fails every call that would make another task, so these are all. An id
 * could have gone to a process that is not of the run: only those with such a filter are ended.
 */
async function killOrphans(processes: ReadonlySet<number>): Promise<void> {
  for (const pid of processes) {
    const status = await processStatus(pid);
    if (!/^Seccomp:\s*2$/m.test(status) || !/^NoNewPrivs:\s*1$/m.test(status)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if (!isSystemError(error, 'ESRCH', 'EPERM')) throw error;
    }
  }
}
