import type { ArchiveDraft } from './archive/write.ts';
import type { CommandStdio, ProcessEnd, SpawnError } from './child-process.ts';
import type * as evidence from './evidence.ts';
import {
  createForwarding,
  followCommand,
  signalsTold,
  type FollowOptions,
  type SignalSource,
} from './follow-command.ts';
import type { Normaliser } from './normalise/normaliser.ts';
import type { CaptureReport, CaptureTier, ObservedRun } from './observe/observer.ts';
import type { Redactor } from './redaction/redactor.ts';
import type { SurfaceBuilder } from './reports/capability-surface.ts';
import type { RunSpec } from './run-spec.ts';
import { startObserved, type KernelCapture, type KernelRequest, type Refusal } from './start-observed.ts';

export interface CommandRunOptions extends FollowOptions {
  readonly spec: RunSpec;
  readonly cwd: string;
  /** What the command inherits; the spec's variables are set on top. None of it is recorded. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdio: CommandStdio;
  /** Gets the members of the run. The caller made it, seals it and discards it. */
  readonly draft: ArchiveDraft;
  /** Handed on to the command. */
  readonly signals?: SignalSource;
  /** Default: nothing watches. */
  readonly kernel?: KernelCapture;
  /** Whether everything that was observed is kept, too: `toolcrib/kernel-raw.ndjson`. */
  readonly raw?: boolean;
  /** Called when the command runs, with what watches it and why nothing better does. */
  readonly onStarted?: (tier: CaptureTier, refusals: readonly Refusal[]) => void;
}

const NO_KERNEL: KernelCapture = { requested: 'off', choices: [] };

/** What was seen of a command that was watched. */
export interface RunCapture {
  readonly report: CaptureReport;
  readonly normaliser: Normaliser;
  /** What the kernel lines imply. */
  readonly surface: SurfaceBuilder;
  /** Milliseconds from the end of the command to the end of the observation. */
  readonly drainMs: number;
}

/** How a command was started, and how it ended. */
export interface CommandRun {
  readonly end: ProcessEnd;
  readonly spawnError: SpawnError | null;
  readonly timedOut: boolean;
  /** Milliseconds, without what was drained afterwards. */
  readonly elapsedMs: number;
  readonly tier: CaptureTier;
  readonly refusals: readonly Refusal[];
  readonly requested: KernelRequest;
  readonly capture: RunCapture | undefined;
}

/**
 * Runs a command to its end, and to the end of its observation.
 * @throws SandboxError `NOT_OBSERVABLE`, InterruptedError when a signal or an abort came before: nothing was started.
 */
export async function runCommand(options: CommandRunOptions, redactor: Redactor): Promise<CommandRun> {
  const { clock } = options;
  const forwarding = createForwarding(options.signals, options.signal);
  try {
    await signalsTold();
    const begin = clock.elapsed();
    const elapsed = (): number => Math.max(0, Math.floor(clock.elapsed() - begin));
    const kernel = options.kernel ?? NO_KERNEL;
    const command = {
      command: options.spec.command,
      cwd: options.cwd,
      env: { ...options.env, ...options.spec.env },
      stdio: options.stdio,
      ownGroup: options.timeoutMs !== undefined,
    };
    const starting = startObserved(kernel, command, forwarding);
    const capturer = kernel.choices.length === 0 ? undefined : loadCapturer();
    capturer?.catch(() => undefined); // where there is nothing to capture
    const { running, observed, tier, refusals } = await starting;
    options.onStarted?.(tier, refusals);
    if ('code' in running)
      return { ...notStarted(running), elapsedMs: elapsed(), tier, refusals, requested: kernel.requested };
    const capturing = observed && capturer && capture(observed, { ...options, redactor }, capturer);
    await forwarding.to(running);
    const ended = await followCommand(running, options);
    const elapsedMs = elapsed();
    const captured = await capturing;
    const failure = ended.end.notStarted ?? captured?.report.notStarted;
    const told = { elapsedMs, tier, refusals, requested: kernel.requested };
    if (failure !== undefined) return { ...notStarted(failure), timedOut: ended.timedOut, ...told };
    return {
      ...{ ...ended, end: captured?.report.end ?? ended.end, spawnError: null, ...told },
      capture: captured && { ...captured, drainMs: elapsed() - elapsedMs },
    };
  } finally {
    forwarding.end();
  }
}

function notStarted(spawnError: SpawnError): Pick<CommandRun, 'end' | 'spawnError' | 'timedOut' | 'capture'> {
  return { end: { exitCode: null, signal: null }, spawnError, timedOut: false, capture: undefined };
}

type Capturer = Pick<typeof evidence, 'captureRun'>;

/** It is half of what records a run: loaded while the observer attaches, not before it is started. */
async function loadCapturer(): Promise<Capturer> {
  await new Promise(setImmediate);
  return await import('./evidence.ts');
}

/** Calls are read from the start on: an observer that is not read drops. */
function capture(
  observed: ObservedRun,
  options: CommandRunOptions & { readonly redactor: Redactor },
  capturer: Promise<Capturer>,
): Promise<Omit<RunCapture, 'drainMs'>> {
  const captured = capturer.then(({ captureRun }) => captureRun(observed, options));
  // Whoever awaits it does so after the command's end.
  captured.catch(() => undefined);
  return captured;
}
