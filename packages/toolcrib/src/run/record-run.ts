import { stat } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { InterruptedError, isSystemError, UsageError } from '../core/errors.ts';
import { sealArchive } from './archive/write.ts';
import {
  CORRELATION_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  KERNEL_PATH,
  OUTCOME_PATH,
  POLICY_PATH,
  SDK_PATH,
  SURFACE_PATH,
  type ArchiveMember,
} from './archive/paths.ts';
import { createSurfaceBuilder } from './reports/capability-surface.ts';
import {
  spawnErrorText,
  startCommand,
  type CommandStdio,
  type ProcessEnd,
  type RunningCommand,
  type SpawnError,
} from './child-process.ts';
import { emptyCorrelation } from './reports/correlation-report.ts';
import { contractOnlyHealth, formatHealth } from './reports/observation-health.ts';
import { endCommand, KILL_GRACE_MS } from './process-deadline.ts';
import type { RedactionKey } from './redaction/key.ts';
import { createRedactor, type Redactor } from './redaction/redactor.ts';
import { runFinished, runStarted, type RunEvent } from './layers/run-event.ts';
import { verifyRunSpec, type RunSpec } from './run-spec.ts';
import { secretRuleIn } from './redaction/secret-shapes.ts';

/** Signals that a run hands on. */
export type ForwardedSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Where signals for the command come from; only the CLI listens to the process. */
export interface SignalSource {
  /** @returns what ends the subscription. */
  subscribe(listener: (signal: ForwardedSignal) => void): () => void;
}

export interface RecordRunOptions {
  readonly spec: RunSpec;
  readonly cwd: string;
  /** What the command inherits; the spec's variables are set on top. None of it is recorded. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: CommandStdio;
  readonly clock: Clock;
  readonly redactionKey: RedactionKey;
  /** Handed on to the command. */
  readonly signals?: SignalSource;
  /** Ends the command like a timeout; what was recorded is returned. */
  readonly signal?: AbortSignal | undefined;
  /**
   * After this many milliseconds the command and all its descendants are ended: TERM, then KILL. Such a command runs in a
   * session of its own, without a controlling terminal.
   */
  readonly timeoutMs?: number;
  /** Milliseconds between TERM and KILL. */
  readonly killGraceMs?: number;
}

/** What became of a run. */
export interface RunOutcome {
  readonly spec: RunSpec;
  /** Null when a signal ended it, or nothing was started. */
  readonly exitCode: number | null;
  /** Number of the signal that ended it. */
  readonly signal: number | null;
  /** The exit code is 0. A command that its timeout ended may still have chosen 0: look at `timedOut`. */
  readonly success: boolean;
  readonly spawnError: SpawnError | null;
  readonly timedOut: boolean;
  /** Finished members, the manifest first: for `writeArchive`. */
  readonly archive: readonly ArchiveMember[];
}

/**
 * Runs a command and records its start and end; nothing watches it, and the archive says so. A command that cannot be
 * started is recorded too. Ends when the command ends, without waiting for what it left running.
 * @throws UsageError `RUN_SPEC_INVALID`; `USAGE` when the working directory is none; InterruptedError when the signal
 * was aborted before the start; CheckError `ARCHIVE_REFUSED` when redaction failed.
 */
export async function recordRun(options: RecordRunOptions): Promise<RunOutcome> {
  const { spec, clock } = options;
  verifyRunSpec(spec);
  verifyRunIdIsNoSecret(spec);
  await verifyDirectory(options.cwd);
  if (options.signal?.aborted === true) throw new InterruptedError('interrupted before the command was started');
  const begin = clock.elapsed();
  const run = await runCommand(options);
  const end = {
    exit_code: run.end.exitCode,
    signal: run.end.signal,
    success: run.end.exitCode === 0,
    window_elapsed_ms: Math.max(0, Math.floor(clock.elapsed() - begin)),
  };
  const { spawnError, timedOut } = run;
  const archive = contractOnlyArchive(spec, createRedactor(options.redactionKey), { end, spawnError, timedOut });
  return { spec, ...run.end, success: end.success, spawnError, timedOut, archive };
}

/** It stands everywhere in the archive and cannot be redacted. */
function verifyRunIdIsNoSecret(spec: RunSpec): void {
  const rule = secretRuleIn(spec.run_id);
  if (rule === undefined) return;
  throw new UsageError('RUN_SPEC_INVALID', `run_id is shaped like a secret (${rule})`, {
    hint: 'choose another run id',
  });
}

async function verifyDirectory(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) throw error;
  }
  throw new UsageError('USAGE', `the working directory ${path} is no directory that can be used`, {
    details: { path },
  });
}

interface CommandRun {
  readonly end: ProcessEnd;
  readonly spawnError: SpawnError | null;
  readonly timedOut: boolean;
}

async function runCommand(options: RecordRunOptions): Promise<CommandRun> {
  const forwarding = createForwarding(options.signals);
  try {
    const running = await startCommand({
      command: options.spec.command,
      cwd: options.cwd,
      env: { ...options.env, ...options.spec.env },
      stdio: options.stdio,
      ownGroup: options.timeoutMs !== undefined,
    });
    if ('code' in running) return { end: { exitCode: null, signal: null }, spawnError: running, timedOut: false };
    forwarding.to(running);
    const timedOut = await untilEnd(running, options);
    return { end: await running.end, spawnError: null, timedOut };
  } finally {
    forwarding.end();
  }
}

/** Signals that arrive while the command is being started reach it afterwards. */
function createForwarding(source: SignalSource | undefined): { to(running: RunningCommand): void; end(): void } {
  const early: ForwardedSignal[] = [];
  let target: RunningCommand | undefined;
  const unsubscribe = source?.subscribe((signal) => {
    if (target === undefined) early.push(signal);
    else target.kill(signal);
  });
  return {
    to(running) {
      target = running;
      for (const signal of early) running.kill(signal);
    },
    end: () => unsubscribe?.(),
  };
}

/** @returns whether the time was up. */
async function untilEnd(running: RunningCommand, options: RecordRunOptions): Promise<boolean> {
  const { clock, timeoutMs, killGraceMs = KILL_GRACE_MS } = options;
  const ended = new AbortController();
  const reasons: Promise<'ended' | 'timeout' | 'aborted'>[] = [running.end.then(() => 'ended' as const)];
  if (timeoutMs !== undefined) reasons.push(clock.sleep(timeoutMs, ended.signal).then(() => 'timeout' as const));
  if (options.signal !== undefined) reasons.push(aborted(options.signal, ended.signal));
  const reason = await Promise.race(reasons);
  ended.abort();
  await Promise.allSettled(reasons.slice(1));
  if (reason !== 'ended') await endCommand(running, clock, killGraceMs);
  return reason === 'timeout';
}

/** Resolves when `signal` aborts, or when nobody waits for that any more. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    const done = (): void => resolve('aborted');
    signal.addEventListener('abort', done, { once: true, signal: over });
    over.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}

/** How a run ended, and what kept it from ending by itself. */
interface RecordedEnd {
  readonly end: Parameters<typeof runFinished>[1];
  readonly spawnError: SpawnError | null;
  readonly timedOut: boolean;
}

/** The archive of a run that nothing watched. */
function contractOnlyArchive(spec: RunSpec, redactor: Redactor, recorded: RecordedEnd): readonly ArchiveMember[] {
  const command = redactor.commandLine('command', spec.command);
  const envKeys = Object.keys(spec.env).map((name) => redactor.text('env_keys', name));
  const spawnError = recorded.spawnError && spawnErrorText(command[0] ?? '', recorded.spawnError);
  const events = [runStarted(spec, { command, envKeys }), runFinished(spec.run_id, recorded.end)];
  const plain = recorded.spawnError === null && !recorded.timedOut;
  return sealArchive(spec.run_id, [
    document(SURFACE_PATH, JSON.stringify(createSurfaceBuilder().build(spec.run_id))),
    document(CORRELATION_PATH, JSON.stringify(emptyCorrelation(spec.run_id))),
    document(EVENTS_PATH, events.map(formatEvent).join('')),
    ...[KERNEL_PATH, POLICY_PATH, SDK_PATH].map((path) => document(path, '')),
    // Last, because it counts what was redacted above.
    document(HEALTH_PATH, formatHealth(contractOnlyHealth(spec.run_id, spec.platform, redactor.summary()))),
    ...(plain
      ? []
      : [document(OUTCOME_PATH, JSON.stringify({ spawn_error: spawnError, timed_out: recorded.timedOut }))]),
  ]);
}

function formatEvent(event: RunEvent): string {
  return `${JSON.stringify(event)}\n`;
}

function document(path: string, text: string): ArchiveMember {
  return { path, bytes: Buffer.from(text) };
}
