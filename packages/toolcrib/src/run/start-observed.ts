import { hasCode, SandboxError, type ToolcribError } from '../core/errors.ts';
import { startCommand, type CommandOptions, type SpawnError } from './child-process.ts';
import type { FollowedCommand, Forwarding } from './follow-command.ts';
import type { CaptureTier, ObservedRun, Observer } from './observe/observer.ts';

/** How the kernel is to be observed. `auto`: by the best observer that can, or not at all. */
export type KernelRequest = 'ebpf' | 'ptrace' | 'auto' | 'off';

/** An observer that may be tried. */
export interface ObserverChoice {
  readonly tier: Observer['tier'];
  /** @throws SandboxError `NOT_OBSERVABLE` when this machine cannot have it. */
  open(): Promise<Observer>;
}

/** What was asked for, and what this system has for it. */
export interface KernelCapture {
  readonly requested: KernelRequest;
  /** In the order in which they are tried; the ones asked for. None for `off`. */
  readonly choices: readonly ObserverChoice[];
  /** Starts a command that nothing watches. Default: as a child of this process. */
  start?(command: CommandOptions): Promise<FollowedCommand | SpawnError>;
}

/** Why an observer that was tried could not observe. */
export interface Refusal {
  readonly tier: CaptureTier;
  /** One sentence. */
  readonly reason: string;
}

/** What came of starting a command. */
export interface StartedRun {
  readonly tier: CaptureTier;
  /** Observers that were tried before. */
  readonly refusals: readonly Refusal[];
  readonly running: FollowedCommand | SpawnError;
  /** Undefined where nothing watches. */
  readonly observed: ObservedRun | undefined;
}

/**
 * Starts a command under the first observer that can observe.
 * @param wanted asked before each start, and when one failed: a signal of the terminal ends an observer that is just being
 * started, too.
 * @throws what `wanted` throws; SandboxError `NOT_OBSERVABLE` when none could that was asked for. Nothing was started
 * then. With `auto` the command is started without.
 */
export async function startObserved(
  capture: KernelCapture,
  command: CommandOptions,
  wanted: Pick<Forwarding, 'verifyWanted' | 'launched'>,
): Promise<StartedRun> {
  const refusals: Refusal[] = [];
  for (const choice of capture.choices) {
    const started = await startUnder(choice, command, wanted);
    if ('refused' in started) refusals.push({ tier: choice.tier, reason: started.refused });
    else return { tier: choice.tier, refusals, running: started, observed: 'code' in started ? undefined : started };
  }
  wanted.verifyWanted();
  if (capture.requested !== 'auto' && capture.requested !== 'off') throw notObservable(capture.requested, refusals);
  const running = await (capture.start ?? startCommand)(command);
  return { tier: 'none', refusals, running, observed: undefined };
}

/** Why it cannot observe. */
interface Refused {
  readonly refused: string;
}

async function startUnder(
  choice: ObserverChoice,
  command: CommandOptions,
  { verifyWanted, launched }: Pick<Forwarding, 'verifyWanted' | 'launched'>,
): Promise<ObservedRun | SpawnError | Refused> {
  try {
    verifyWanted();
    const observer = await choice.open();
    verifyWanted();
    return await observer.start({ ...command, onLaunched: launched });
  } catch (error) {
    verifyWanted();
    if (!hasCode(error, 'NOT_OBSERVABLE')) throw error;
    return { refused: reasonOf(error) };
  }
}

/** Without saying again that it is the kernel that cannot be observed. */
function reasonOf({ message, details }: ToolcribError): string {
  return typeof details['reason'] === 'string' ? details['reason'] : message;
}

function notObservable(requested: string, refusals: readonly Refusal[]): SandboxError {
  const reason = refusals.map((refusal) => refusal.reason).join('; ') || 'this machine has no such observer';
  return new SandboxError('NOT_OBSERVABLE', `cannot observe the kernel by ${requested}: ${reason}`, {
    hint: 'the command was not started; --kernel auto takes what is possible, --kernel off records without',
    details: { requested, reason },
  });
}
