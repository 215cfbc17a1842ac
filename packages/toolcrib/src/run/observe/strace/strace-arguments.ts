import { FORKING_CALLS, TOLD_CALLS } from './traced-call.ts';

/**
 * Arguments for strace: everything comes whole and in one way only. `-x`: what is not ASCII in hexadecimal; `-X raw`:
 * flags, ports and addresses as numbers and bytes; `-s 0`: what is sent, and the arguments of programs, are nobody's
 * business (paths are not cut by it); `--pidns-translation`: ids of tasks as this process knows them; `-DDD`: the started process is the command itself, and strace in a session of its
 * own watches it, so that signals to the command's group do not reach it.
 * @param output path of a pipe that is read.
 * @param command the program as it is to be looked up, and its arguments.
 */
export function straceArguments(output: string, command: readonly string[]): readonly string[] {
  // A call that this machine does not have is no error.
  const calls = [...TOLD_CALLS, ...FORKING_CALLS].map((name) => `?${name}`);
  return [
    ...[
      '-DDD',
      '-f',
      '--seccomp-bpf',
      '--pidns-translation',
      '--quiet=attach',
      '-x',
      '-X',
      'raw',
      '-s',
      '0',
      '-a',
      '1',
    ],
    ...['-e', 'abbrev=!sendmmsg', '-e', `trace=${calls.join(',')}`, '-o', output, '--', ...command],
  ];
}

/** What strace changes for the command, whatever the command does. */
export const STRACE_PERTURBATIONS: readonly string[] = [
  'strace sets no_new_privs: programs with the set-user-ID bit, the set-group-ID bit or file capabilities do not gain them',
  'the command is traced: it cannot trace its own processes, and can see that it is traced',
  'traced calls stop the task that makes them: the timing is different',
];
