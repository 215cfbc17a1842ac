import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../../core/clock.ts';
import { messageOf, SandboxError } from '../../../core/errors.ts';
import { isProcessGroupAlive, killProcessGroup } from '../../../disk/process-group.ts';
import { childEnd, type ProcessEnd, type SpawnError } from '../../child-process.ts';
import { signalsTold } from '../../follow-command.ts';
import { KILL_GRACE_MS } from '../../process-deadline.ts';
import { spawnErrorOfErrno } from '../errno.ts';
import type { ObservedCall } from '../observed-call.ts';
import { DRAIN_MS, type ObservedCommand, type ObservedRun, type Observer } from '../observer.ts';
import { findProgram } from './find-program.ts';
import { startGuard, type Guard } from './guard.ts';
import { readRun } from './run-reading.ts';
import { endIfStopped, endWhenStopped } from './stopped-strace.ts';
import { straceArguments } from './strace-arguments.ts';
import { openTracePipe, type TracePipe } from './trace-pipe.ts';
import { createTraceReader, type TraceReader } from './trace-reader.ts';

export interface StraceObserverOptions {
  /** Path of strace: see {@link probeStrace}. */
  readonly strace: string;
  readonly clock: Clock;
  /**
   * How many milliseconds after the command's end its descendants are still watched. What is left then is ended: under
   * the filter of a strace that is gone, its calls would fail. Default: {@link DRAIN_MS}.
   */
  readonly drainMs?: number;
}

/** strace itself gives up after 3 seconds. */
const START_MS = 30_000;

/**
 * Watches a command through `strace -f --seccomp-bpf`: without privilege, slower than the kernel tracer, and not without
 * traces in the command (`STRACE_PERTURBATIONS`). Nothing is dropped: a reader that is slow slows the command down.
 */
export function createStraceObserver(options: StraceObserverOptions): Observer {
  return { tier: 'ptrace', start: (command) => start(command, options) };
}

/** What was started, before it is known whether the command runs. */
interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly end: Promise<ProcessEnd>;
  readonly pipe: TracePipe;
  readonly guard: Guard;
  readonly reader: TraceReader;
}

async function start(command: ObservedCommand, options: StraceObserverOptions): Promise<ObservedRun | SpawnError> {
  const begin = options.clock.elapsed();
  const found = await findProgram(command);
  if ('code' in found) return found;
  const started = await startStrace({ ...command, command: found.command }, options.strace);
  try {
    await signalsTold();
    command.onLaunched?.();
    const calls = await untilExec(started, options.clock);
    const exec = execOf(calls, started.pid);
    if (exec === undefined)
      throw notObservable(`strace ended without having seen the command (${await howEnded(started)})`);
    if (exec.result === undefined || exec.result === 0) {
      const attachMs = Math.round(options.clock.elapsed() - begin);
      return observedRun(command, { ...started, calls, attachMs }, options);
    }
    await abandon(started);
    return spawnErrorOfErrno(-exec.result);
  } catch (error) {
    await abandon(started);
    throw error;
  }
}

async function startStrace(command: ObservedCommand, strace: string): Promise<Started> {
  const pipe = await openTracePipe().catch((error: unknown) => {
    throw notObservable(`no pipe for the output of strace: ${messageOf(error)}`);
  });
  const guard = startGuard(pipe.path, pipe.descriptor);
  try {
    const child = spawn(strace, straceArguments(pipe.path, command.command), {
      cwd: command.cwd,
      env: command.env,
      stdio: command.stdio === 'inherit' ? 'inherit' : [...command.stdio],
      detached: command.ownGroup,
    });
    const end = childEnd(child);
    const pid = await startOf(child);
    // The command is gone, or strace gave up: either way its output is open by now, or never will be.
    void end.then(() => pipe.release());
    return { child, pid, end, pipe, guard, reader: createTraceReader() };
  } catch (error) {
    await guard.dismiss();
    await pipe.close();
    throw notObservable(`${strace} cannot be started: ${messageOf(error)}`);
  }
}

function startOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid ?? 0));
    child.once('error', reject);
    // A signal that cannot be sent is an error event, too; it must not end this process.
    child.on('error', () => undefined);
  });
}

/** Reads until strace tells what became of the command's own `execve`; it stands still until strace has attached. */
async function untilExec(started: Started, clock: Clock): Promise<readonly ObservedCall[]> {
  const { pipe, reader, guard, pid } = started;
  const isOver = new AbortController();
  void clock.sleep(START_MS, isOver.signal).then(
    () => guard.endAll(),
    () => undefined,
  );
  const calls: ObservedCall[] = [];
  try {
    while (execOf(calls, pid) === undefined) {
      const next = await pipe.chunks.next();
      if (next.done === true) break;
      await pipe.release();
      calls.push(...reader.read(next.value));
    }
    return calls;
  } finally {
    isOver.abort();
  }
}

function execOf(calls: readonly ObservedCall[], pid: number): ObservedCall | undefined {
  return calls.find((call) => call.kind === 'exec' && call.pid === pid);
}

async function howEnded({ end }: Started): Promise<string> {
  const { exitCode, signal } = await end;
  return exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`;
}

/** Nothing is left afterwards. */
async function abandon({ guard, pipe, end }: Started): Promise<void> {
  await guard.endAll();
  await pipe.close();
  await end;
}

function notObservable(reason: string): SandboxError {
  return new SandboxError('NOT_OBSERVABLE', `the command cannot be observed by strace: ${reason}`, {
    hint: 'toolcrib doctor says what observes here; --kernel off runs the command unobserved',
  });
}

function observedRun(
  command: ObservedCommand,
  started: Started & { readonly calls: readonly ObservedCall[]; readonly attachMs: number },
  options: StraceObserverOptions,
): ObservedRun {
  const { child, pid, end } = started;
  const { clock, drainMs = DRAIN_MS } = options;
  const { calls, capture } = readRun(started, { clock, drainMs });
  void endWhenStopped(started, { clock, waitMs: drainMs + KILL_GRACE_MS });
  return {
    calls,
    capture,
    end,
    kill(signal) {
      if (command.ownGroup) killProcessGroup(child, signal);
      else child.kill(signal);
      void endIfStopped(started, signal, { clock, waitMs: drainMs });
    },
    isGroupAlive: () => command.ownGroup && isProcessGroupAlive(pid),
  };
}
