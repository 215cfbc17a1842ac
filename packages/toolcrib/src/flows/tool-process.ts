import { readFileSync } from 'node:fs';
import { statFields } from '../core/process-stat.ts';
import type { KnownAnchor } from './sandbox-anchor.ts';

/** The process of a tool in a sandbox, as this machine has it. */
export interface ToolProcess {
  /** Lets it go on where it was stopped. */
  resume(): void;
  kill(): void;
}

/**
 * The process that showed itself, to be told something past its sandbox. Nothing is sent where the engine does not say that
 * it is the one that it started, nor to whoever has its number by now: between that look and the signal, nothing waits.
 */
export function toolProcess({ pid, isEngines }: Pick<KnownAnchor, 'pid' | 'isEngines'>): ToolProcess {
  const started = isEngines ? startOf(pid) : undefined;
  const send = (signal: NodeJS.Signals): void => {
    if (started === undefined || startOf(pid) !== started) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended, or this user may not.
    }
  };
  return { resume: () => send('SIGCONT'), kill: () => send('SIGKILL') };
}

/** When a process started, in ticks since the machine did: proc_pid_stat(5). Undefined where there is none that lives. */
function startOf(pid: number): string | undefined {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return /[ZX]/.test(fields[0] ?? 'X') ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
