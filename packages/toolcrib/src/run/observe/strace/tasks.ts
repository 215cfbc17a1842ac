/**
 * Which thread group each task belongs to. strace tells ids of tasks only, and the first calls of a new task often
 * before it tells which call made it.
 */
export interface TaskTable {
  /** Undefined: not known yet, because several calls that make tasks are under way. */
  processOf(tid: number): number | undefined;
  /** A call that makes a task has begun. */
  beginFork(tid: number, makesThread: boolean): void;
  /** It has ended. @param child id of the new task; undefined when there is none. */
  endFork(tid: number, child: number | undefined, makesThread: boolean): void;
  /** The task is gone. */
  end(tid: number): void;
  /** What can no longer be found out: the task counts as a process of its own. */
  settle(tid: number): number;
  /** Processes of the tasks that are not known to be gone. */
  alive(): ReadonlySet<number>;
}

export function createTaskTable(): TaskTable {
  const processes = new Map<number, number>();
  /** By the task that makes another one. */
  const forks = new Map<number, { readonly makesThread: boolean }>();
  /** Tasks whose making was told, and that live. */
  const told = new Set<number>();
  /** Tasks that were gone before it was told who made them: of a `vfork` that is told after its child has ended. */
  const goneBefore = new Set<number>();

  const settle = (tid: number, pid = tid): number => {
    processes.set(tid, pid);
    return pid;
  };
  const endMaking = (tid: number): void => {
    forks.delete(tid);
    // Nobody is left who could have made them; their ids may become others'.
    if (forks.size === 0) goneBefore.clear();
  };
  /** Every fork under way would give it the same process; or no fork is under way. */
  const onlyPossible = (tid: number): number | undefined => {
    const possible = new Set([...forks].map(([maker, { makesThread }]) => (makesThread ? processes.get(maker) : tid)));
    if (possible.size === 0) return tid;
    const [first] = possible;
    return possible.size === 1 ? first : undefined;
  };
  return {
    alive: () => new Set(processes.values()),
    settle: (tid) => processes.get(tid) ?? settle(tid),
    processOf(tid) {
      const known = processes.get(tid);
      if (known !== undefined) return known;
      const only = onlyPossible(tid);
      return only === undefined ? undefined : settle(tid, only);
    },
    beginFork: (tid, makesThread) => void forks.set(tid, { makesThread }),
    endFork(tid, child, makesThread) {
      const isGone = child !== undefined && goneBefore.delete(child);
      endMaking(tid);
      if (child === undefined || isGone) return;
      told.add(child);
      if (!processes.has(child)) settle(child, makesThread ? (processes.get(tid) ?? tid) : child);
    },
    end(tid) {
      processes.delete(tid);
      endMaking(tid);
      if (!told.delete(tid) && forks.size > 0) goneBefore.add(tid);
    },
  };
}
