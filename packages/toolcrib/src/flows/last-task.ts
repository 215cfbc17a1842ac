import type { ObservedCall } from '../run/observe/observed-call.ts';

/** The tasks of the process that a tool started first. */
export interface FollowedTasks {
  see(call: ObservedCall): void;
  /** Resolves when the last of them has ended. Never rejects, and need not resolve. */
  readonly over: Promise<unknown>;
}

/** Follows the tasks of the process that the anchor forks first. @param anchor the thread group of the tool. */
export function followTasks(anchor: number): FollowedTasks {
  const over = Promise.withResolvers<undefined>();
  let pid: number | undefined;
  let tasks = new Set<number>();
  return {
    see(call) {
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
    },
    over: over.promise,
  };
}
