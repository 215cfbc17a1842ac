import { readFile, readlink } from 'node:fs/promises';
import { isSystemError } from '../../../core/errors.ts';
import { statFields } from '../../../core/process-stat.ts';
import type { ProcessEnd } from '../../child-process.ts';

/** Milliseconds between two looks. */
const LOOK_MS = 500;

/** As of wait(2). */
const SIGNAL_BITS = 0x7f;

const UNKNOWN: ProcessEnd = { exitCode: null, signal: null };

/**
 * Looks whether a process has ended without its parent having taken notice, as a parent that is stopped takes none.
 * @param onEnd called once; both are null where this process may not know how it ended.
 * @returns what ends the looking.
 */
export function watchUnreaped(pid: number, onEnd: (end: ProcessEnd) => void): () => void {
  let isOver = false;
  const end = (): void => {
    isOver = true;
    clearInterval(timer);
  };
  const look = async (): Promise<void> => {
    const found = await unreapedNow(pid);
    if (found === undefined || isOver) return;
    end();
    onEnd(found);
  };
  const timer = setInterval(() => void look(), LOOK_MS);
  return end;
}

/** As {@link unreapedEnd}; both are null where this process may not know how it ended. */
export async function unreapedNow(pid: number): Promise<ProcessEnd | undefined> {
  const found = unreapedEnd(await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ''));
  if (found === undefined) return undefined;
  return (await mayRead(pid)) ? found : UNKNOWN;
}

/** To whom the kernel does not tell the status of a process, as of a set-user-ID program, it tells 0; links it refuses. */
async function mayRead(pid: number): Promise<boolean> {
  return await readlink(`/proc/${pid}/cwd`).then(
    () => true,
    (error: unknown) => !isSystemError(error, 'EACCES'),
  );
}

/**
 * How a process ended that nobody has waited for yet, by its `/proc/PID/stat` (proc_pid_stat(5)); undefined while it runs, or
 * when it is gone. One whose first thread has ended runs as long as another does.
 */
export function unreapedEnd(stat: string): ProcessEnd | undefined {
  const fields = statFields(stat);
  const [state, threads, status] = [fields[0], Number(fields[17]), Number(fields[49])];
  if (state !== 'Z' || threads > 1) return undefined;
  if (!Number.isInteger(status)) return UNKNOWN;
  const signal = status & SIGNAL_BITS;
  return signal === 0 ? { exitCode: (status >> 8) & 0xff, signal: null } : { exitCode: null, signal };
}
