/**
 * The fields of `/proc/PID/stat` (proc_pid_stat(5)) from the third on, the state: the second is the name in parentheses, and
 * may hold spaces and parentheses itself.
 */
export function statFields(stat: string): readonly string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}
