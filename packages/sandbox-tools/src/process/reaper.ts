import type { Native } from '../native.ts';
import { identityOf } from './process-ending.ts';
import { listProcesses } from './process-table.ts';

/** In milliseconds: how often it is looked for orphans that ended. */
const interval = 5000;

/**
 * Collects, now and then, orphans that ended: they are children of a process that is their subreaper. The runtime
 * collects its own children at once: theirs are never seen twice, but for one whose first thread has ended before others.
 *
 * @param own the pid of a child whose end is for the runtime alone.
 */
export function startReaper(native: Pick<Native, 'reap'>, own: () => number | undefined): void {
  let seen = new Set<string>();
  const reap = () => {
    const spared = own();
    const children = listProcesses().filter(({ parent, pid }) => parent === process.pid && pid !== spared);
    const ended = children.filter(({ state }) => state === 'Z');
    for (const entry of ended) if (seen.has(identityOf(entry))) native.reap(entry.pid);
    seen = new Set(ended.map(identityOf));
  };
  setInterval(reap, interval).unref();
}
