import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from '../../../core/errors.ts';
import { isProcessGroupAlive } from '../../../disk/process-group.ts';
import type { SpawnError } from '../../child-process.ts';
import { KILL_GRACE_MS } from '../../process-deadline.ts';
import type { ObservedCall } from '../observed-call.ts';
import {
  DRAIN_MS,
  type CaptureReport,
  type ObservedAttachment,
  type ObservedCommand,
  type ObservedRun,
  type Observer,
  type SandboxObserver,
} from '../observer.ts';
import type { Failed, Started } from './control-channel.ts';
import { spawnErrorOfErrno } from '../errno.ts';
import { notObservable, reasonOf } from './not-observable.ts';
import { createStreamDecoder, type StreamEnd } from './stream-decoder.ts';
import { startTracer, type TracerProcess } from './tracer-process.ts';

export interface TracerOptions {
  /** Path of the tracer: see `findTracer`. */
  readonly tracer: string;
  /**
   * How many milliseconds after the end of the command, or of the anchor, its descendants are still watched. What lives
   * then goes on unwatched, and is counted. Default: {@link DRAIN_MS}.
   */
  readonly drainMs?: number;
  /** Bytes between the kernel and the tracer, a power of two and at least a page; what does not fit is dropped and counted. */
  readonly bufferBytes?: number;
}

/** The default of {@link TracerOptions.bufferBytes}. */
const BUFFER_BYTES = 1 << 24;

/** What the tracer changes for the command. */
export const TRACER_PERTURBATIONS: readonly string[] = [
  'the parent of the command is the tracer, and the end of the tracer kills it (PR_SET_PDEATHSIG)',
  'every system call of this machine takes some tens of nanoseconds longer while the tracer is attached',
];

/** Watches through programs in the kernel: it needs root, or CAP_BPF and CAP_PERFMON, and Linux 5.17 with its type information. */
export function createTracerObserver(options: TracerOptions): Observer & SandboxObserver {
  return {
    tier: 'ebpf',
    start: (command) => start(command, options),
    attach: (nonce) => attach(nonce, options),
  };
}

function limits(options: TracerOptions): string[] {
  return ['--drain', `${options.drainMs ?? DRAIN_MS}`, '--buffer', `${options.bufferBytes ?? BUFFER_BYTES}`];
}

/** A tracer that works says something when the drain limit is over; one that the command has stopped does not. */
function silenceMs({ drainMs = DRAIN_MS }: TracerOptions): number {
  return drainMs + KILL_GRACE_MS;
}

async function start(command: ObservedCommand, options: TracerOptions): Promise<ObservedRun | SpawnError> {
  const [program = ''] = command.command;
  if (program === '') return { code: 'ENOENT', reason: 'no such file or directory (ENOENT)' };
  const session = command.ownGroup ? ['--session'] : [];
  const args = [...session, '--folder', command.cwd, ...limits(options), '--', ...command.command];
  const tracer = startOrRefuse(() =>
    startTracer({
      executable: options.tracer,
      args,
      env: command.env,
      stdio: command.stdio,
      silenceMs: silenceMs(options),
    }),
  );
  if ('code' in tracer) return tracer;
  const first = await tracer.first;
  if (first.kind === 'failed') return await refused(tracer, first);
  if (first.kind === 'started') {
    command.onLaunched?.();
    const released = await tracer.released();
    if (released.kind === 'failed' && released.isCommand) return await refused(tracer, released);
    if (released.kind === 'running' || released.kind === 'untold') return observedRun(tracer, first, command.ownGroup);
  }
  // The command may have run, so it is a run, which ended early: as a refusal it would be started again.
  tracer.kill();
  return observedRun(tracer, first.kind === 'started' ? first : UNTOLD, command.ownGroup);
}

/** What is known of a command when its tracer told nothing that can be read. */
const UNTOLD: Started = { kind: 'started', pid: 0, guard: 0, attachMs: 0, table: [] };

/** Nothing was started. */
async function refused(tracer: TracerProcess, failed: Failed): Promise<SpawnError> {
  await tracer.gone;
  if (failed.isCommand) return spawnErrorOfErrno(failed.error);
  throw notObservable(reasonOf(failed));
}

function startOrRefuse(startIt: () => TracerProcess): TracerProcess | SpawnError {
  try {
    return startIt();
  } catch (error) {
    if (hasCode(error, 'NOT_OBSERVABLE')) throw error;
    if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') throw error;
    if (!error.code.startsWith('ERR_INVALID')) throw notObservable(`it cannot be started (${error.code})`);
    // Node's own message would quote the argument.
    return { code: 'INVALID', reason: `an argument or a variable that no system takes (${error.code})` };
  }
}

/** In milliseconds: where nothing is left, an observation is over by then, and was not cut short. */
const BEING_OVER_MS = 250;

function observedRun(tracer: TracerProcess, started: Started, ownGroup: boolean): ObservedRun {
  if (started.pid > 0) tracer.follow(started.pid);
  const { calls, capture } = observation(tracer, started, TRACER_PERTURBATIONS);
  return {
    calls,
    capture,
    end: tracer.end,
    kill: (signal) => tracer.signal(signal),
    isGroupAlive: () => ownGroup && started.pid > 0 && isProcessGroupAlive(started.pid),
    async endRest() {
      const over = new AbortController();
      const soon = sleep(BEING_OVER_MS, undefined, { signal: over.signal }).catch(() => undefined);
      await Promise.race([capture, soon]);
      over.abort();
      tracer.endAll();
    },
  };
}

async function attach(nonce: string, options: TracerOptions): Promise<ObservedAttachment> {
  const args = ['--anchor', nonce, ...limits(options)];
  const tracer = startTracer({
    executable: options.tracer,
    args,
    env: {},
    stdio: 'ignore',
    silenceMs: silenceMs(options),
  });
  const first = await tracer.first;
  if (first.kind !== 'started') {
    tracer.kill();
    throw notObservable(reasonOf(first));
  }
  return {
    ...observation(tracer, first, TRACER_PERTURBATIONS.slice(1)),
    anchor: tracer.anchor,
    stop: () => tracer.stop(),
  };
}

function observation(
  tracer: TracerProcess,
  started: Started,
  perturbations: readonly string[],
): Pick<ObservedRun, 'calls' | 'capture'> {
  const capture = Promise.withResolvers<CaptureReport>();
  const decoder = createStreamDecoder(started.table);
  const finish = (): void => {
    capture.resolve({ ...captureOf(decoder.end()), perturbations, attachMs: Math.round(started.attachMs) });
  };
  return { calls: readCalls(tracer, (chunk) => decoder.push(chunk), finish), capture: capture.promise };
}

async function* readCalls(
  tracer: TracerProcess,
  decode: (chunk: Uint8Array) => readonly ObservedCall[],
  finish: () => void,
): AsyncGenerator<ObservedCall> {
  try {
    for await (const chunk of tracer.stream) if (Buffer.isBuffer(chunk)) yield* decode(chunk);
  } catch {
    // The tracer was killed: what is missing is told by how the stream ends.
  } finally {
    finish();
  }
}

function captureOf(end: StreamEnd): Pick<CaptureReport, 'attribution' | 'accounts' | 'endedEarly' | 'survivors'> {
  if (end.kind === 'finished') {
    const { accounts, endedEarly, survivors } = end;
    return { attribution: 'proven', accounts, endedEarly, survivors };
  }
  // What was told is right, but nobody knows how much is missing.
  return {
    attribution: end.kind === 'cut' ? 'proven' : 'doubtful',
    accounts: [],
    endedEarly: true,
    survivors: undefined,
  };
}
