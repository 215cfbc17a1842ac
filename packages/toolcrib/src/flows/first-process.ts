import type { ProcessEnd } from '../run/child-process.ts';
import type { ObservedCall } from '../run/observe/observed-call.ts';
import type { CaptureReport } from '../run/observe/observer.ts';

/** What an observer tells of the process that a tool started first, which becomes the command. */
export interface FirstProcess {
  /** The same calls, passed on. */
  readonly calls: AsyncIterable<ObservedCall>;
  /** Whether anything may have executed a program. */
  hasExecuted(): boolean;
  /** How the command ended, when the observation is over; undefined where it does not prove that. */
  end(report: CaptureReport): ProcessEnd | undefined;
}

/** Watches calls for the process that the anchor forks first. @param anchor the thread group of the tool. */
export function watchFirstProcess(calls: AsyncIterable<ObservedCall>, anchor: number): FirstProcess {
  const life = createLife(anchor);
  let hasExecuted = false;
  return {
    calls: (async function* () {
      for await (const call of calls) {
        // One that was killed in it has no result.
        if (call.kind === 'exec' && (call.result === undefined || call.result >= 0)) hasExecuted = true;
        life.see(call);
        yield call;
      }
    })(),
    hasExecuted: () => hasExecuted,
    end: (report) => (isTold(report) ? life.end() : undefined),
  };
}

/** What tells the life of a process. */
const OF_LIFE: ReadonlySet<string> = new Set(['fork', 'exit', 'execve', 'execveat']);

function isTold({ attribution, endedEarly, accounts }: CaptureReport): boolean {
  const isLost = accounts.some(({ hook, dropped, missed }) => OF_LIFE.has(hook) && dropped + missed > 0);
  return attribution === 'proven' && !endedEarly && !isLost;
}

interface Life {
  see(call: ObservedCall): void;
  end(): ProcessEnd | undefined;
}

/**
 * The status of a process is that of its first thread, unless it ended before another one that ended all of them: then
 * the codes differ, and nothing is said. A thread that executes a program takes the place of the first one, which ends.
 */
function createLife(anchor: number): Life {
  let pid: number | undefined;
  let isCommand = false;
  let result: number | undefined;
  let isDoubtful = false;
  let isOver = false;
  const seeExit = (tid: number, code: number | undefined): void => {
    if (tid === pid) {
      result = code;
      isDoubtful = false;
    } else if (result !== undefined && code !== result) isDoubtful = true;
  };
  return {
    see(call) {
      if (call.kind === 'process' && call.call === 'fork') {
        if (pid === undefined && call.pid === anchor) pid = call.child;
        // The number is that of somebody else from now on.
        else if (call.child === pid && call.result === pid && result !== undefined) isOver = true;
      } else if (call.pid !== pid || isOver) return;
      else if (call.kind === 'process') seeExit(call.tid, call.result);
      else if (call.kind === 'exec' && call.result === 0) {
        isCommand = true;
        result = undefined;
      }
    },
    end() {
      if (!isCommand || result === undefined || isDoubtful) return undefined;
      return result < 0 ? { exitCode: null, signal: -result } : { exitCode: result, signal: null };
    },
  };
}
