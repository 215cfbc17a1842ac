import type { ObservedCall } from '../run/observe/observed-call.ts';

/** The process that a tool started first, and the moment in which nothing of it is left. */
export interface WatchedTasks {
  /** The same calls, passed on. */
  readonly calls: AsyncIterable<ObservedCall>;
  /** Resolves when its last task has ended. Never rejects, and need not resolve. */
  readonly over: Promise<unknown>;
}

/** Watches calls for the tasks of the process that the anchor forks first. @param anchor the thread group of the tool. */
export function watchLastTask(calls: AsyncIterable<ObservedCall>, anchor: number): WatchedTasks {
  const over = Promise.withResolvers<undefined>();
  let pid: number | undefined;
  let tasks = new Set<number>();
  const see = (call: ObservedCall): void => {
    if (call.kind === 'process' && call.call === 'fork') {
      if (pid === undefined && call.pid === anchor) pid = call.child;
      if (call.child === pid && call.result !== undefined) tasks.add(call.result);
    } else if (pid === undefined || call.pid !== pid) return;
    else if (call.kind === 'process') {
      tasks.delete(call.tid);
      if (tasks.size === 0) over.resolve(undefined);
    }
    // The task that executes a program is the only one then, by the number of the process.
    else if (call.kind === 'exec' && call.result === 0) tasks = new Set([pid]);
  };
  return {
    calls: (async function* () {
      for await (const call of calls) {
        see(call);
        yield call;
      }
    })(),
    over: over.promise,
  };
}
