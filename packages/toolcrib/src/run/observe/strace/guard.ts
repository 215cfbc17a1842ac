import { spawn } from 'node:child_process';

/**
 * Ends a command and its strace when this process is gone, however it went: without strace, the filter that strace gave
 * its tasks fails their calls; they would be neither watched nor well.
 */
export interface Guard {
  /** Ends everything that the strace with this output traces, then strace itself. Resolves when it has. */
  endAll(): Promise<void>;
  /** Nothing is left to guard. */
  dismiss(): Promise<void>;
}

/**
 * Waits for `over`, or for the end of its input. Whoever has the name of strace's output, `$output`, in its
 * command line is strace, or the command before its first instruction; whoever names that one as its tracer is traced.
 * The pipe's folder goes first: a strace that was not there yet cannot open it any more, and one that has opened it is found.
 * A task that was killed starts no other, so a round that finds nobody is the last. strace tells the ends of what it traces
 * and follows; one that still has them long after the last was found does not move any more (the command can stop it), and is
 * killed, too: only then do they end.
 */
const SCRIPT = `read -r word && [ "$word" = over ] && exit 0
rm -rf "\${output%/*}"
round=0
killed=' '
idle=0
while [ "$round" -lt 200 ]; do
  round=$((round + 1))
  idle=$((idle + 1))
  left=
  for file in $(grep -lsF -e "$output" /proc/[0-9]*/cmdline); do
    tracer=\${file#/proc/}
    tracer=\${tracer%/cmdline}
    [ "$tracer" = self ] || [ ! -d "/proc/$tracer" ] && continue
    left="$left $tracer"
    for status in $(grep -lsE "^TracerPid:[[:space:]]*$tracer$" /proc/[0-9]*/status); do
      grep -qsE "^State:[[:space:]]*Z" "$status" && continue
      task=\${status#/proc/}
      task=\${task%/status}
      kill -9 "$task" 2>/dev/null && traced=yes
      case "$killed" in *" $task "*) ;; *) killed="$killed$task " idle=0 ;; esac
    done
  done
  [ -n "$left" ] || break
  [ "$traced" = yes ] && [ "$idle" -lt 25 ] || kill -9 $left 2>/dev/null
  traced=
  sleep 0.02
done`;

/**
 * Starts the guard. It holds the reading end of the pipe open, so that strace does not end before what it traces.
 * @param output the path that strace was given for its output, unique to it.
 * @param pipe its reading end.
 */
export function startGuard(output: string, pipe: number): Guard {
  const child = spawn('/bin/sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'ignore', 'ignore', pipe],
    // Ctrl-C is for the command; the guard sees this process end.
    detached: true,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', output },
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  // It may be gone already when it is told something.
  child.stdin?.on('error', () => undefined);
  return {
    async endAll() {
      child.stdin?.end();
      await ended;
    },
    async dismiss() {
      child.stdin?.end('over\n');
      await ended;
    },
  };
}
