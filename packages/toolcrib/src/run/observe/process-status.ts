import { readFile } from 'node:fs/promises';

/** `/proc/PID/status` (proc_pid_status(5)); '' when the process is gone. */
export function processStatus(pid: number | string): Promise<string> {
  return readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
}

/** Whether somebody has stopped it, as SIGSTOP does. */
export async function isStopped(pid: number | string): Promise<boolean> {
  return /^State:\s*T/m.test(await processStatus(pid));
}
