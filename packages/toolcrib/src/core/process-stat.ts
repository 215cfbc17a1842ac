/**
 * The fields of `/proc/PID/stat` (proc_pid_stat(5)) from the third on, the state: the second is the name in parentheses, and
 * may hold spaces and parentheses itself.
 */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Whether a process has ended that nobody waited for yet: one whose first thread has ended runs as long as another does. */
export function hasEnded(fields: readonly string[]): boolean {
  const [state, threads] = [fields[0], Number(fields[17])];
  return state === 'X' || (state === 'Z' && !(threads > 1));
}
