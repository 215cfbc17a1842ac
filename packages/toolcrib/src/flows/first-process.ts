import type { ProcessEnd } from '../run/child-process.ts';
import type { ObservedCall, ProcessEvent } from '../run/observe/observed-call.ts';
import type { CaptureReport } from '../run/observe/observer.ts';
import { followTasks, type FollowedTasks } from './last-task.ts';

/** What an observer tells of the process that a tool started first, which becomes the command. */
export interface FirstProcess {
  /** The same calls, passed on. */
  readonly calls: AsyncIterable<ObservedCall>;
  /** Resolves when its last task has ended. Never rejects, and need not resolve. */
  readonly over: FollowedTasks['over'];
  /** Whether anything may have executed a program. */
  hasExecuted(): boolean;
  /** How the command ended, when the observation is over; undefined where it does not prove that. */
  end(report: CaptureReport): ProcessEnd | undefined;
}

/** Watches calls for the process that the anchor forks first. @param anchor the thread group of the tool. */
export function watchFirstProcess(calls: AsyncIterable<ObservedCall>, anchor: number): FirstProcess {
  const life = createLife(anchor);
  const tasks = followTasks(anchor);
  let hasExecuted = false;
  return {
    calls: (async function* () {
      for await (const call of calls) {
        // One that was killed in it has no result.
        if (call.kind === 'exec' && (call.result === undefined || call.result >= 0)) hasExecuted = true;
        life.see(call);
        tasks.see(call);
        yield call;
      }
    })(),
    over: tasks.over,
    hasExecuted: () => hasExecuted,
    end: (report) => (isTold(report) ? life.end() : undefined),
  };
}

/** What tells the life of a process. */
const OF_LIFE: ReadonlySet<string> = new Set(['fork', 'exit', 'execve', 'execveat']);

/** One that was ended before all was over has told all until then, accounts and all; one that broke off has no accounts. */
function isTold({ attribution, endedEarly, accounts }: CaptureReport): boolean {
  const isLost = accounts.some(({ hook, dropped, missed }) => OF_LIFE.has(hook) && dropped + missed > 0);
  const isWhole = !endedEarly || accounts.length > 0;
  return attribution === 'proven' && isWhole && !isLost;
}

interface Life {
  see(call: ObservedCall): void;
  end(): ProcessEnd | undefined;
}

/**
 * Only what the kernel has decided of the process counts, which every task that ends from then on tells: what one alone was
 * ended with, the first one too, may not be what becomes of the process. Where two tell different ends, it was changed
 * meanwhile, and nothing is said.
 */
function createLife(anchor: number): Life {
  let pid: number | undefined;
  let isCommand = false;
  let ends = new Set<number>();
  let isOver = false;
  const seeFork = ({ pid: parent, child, result }: ProcessEvent): void => {
    if (pid === undefined && parent === anchor) pid = child;
    // The number is that of somebody else from now on.
    else if (child === pid && result === pid) isOver = true;
  };
  return {
    see(call) {
      if (call.kind === 'process' && call.call === 'fork') seeFork(call);
      else if (call.pid !== pid || isOver) return;
      else if (call.kind === 'process' && call.isOfProcess && call.result !== undefined) ends.add(call.result);
      else if (call.kind === 'exec' && call.result === 0) {
        isCommand = true;
        ends = new Set();
      }
    },
    end() {
      const [result] = ends;
      if (!isCommand || result === undefined || ends.size > 1) return undefined;
      return result < 0 ? { exitCode: null, signal: -result } : { exitCode: result, signal: null };
    },
  };
}
