import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import { InterruptedError } from '../core/errors.ts';
import type { ProcessEnd } from './child-process.ts';
import { endCommand, KILL_GRACE_MS } from './process-deadline.ts';

/** Signals that a run hands on. */
export type ForwardedSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'SIGQUIT';

/** Where signals for the command come from; only the CLI listens to the process. */
export interface SignalSource {
  /** @returns what ends the subscription. */
  subscribe(listener: (signal: ForwardedSignal) => void): () => void;
  /** Whether the sender of a signal that came now sent it to a command that runs as well. Default: it did not. */
  reachesCommand?(signal: ForwardedSignal): boolean;
}

/** A command that runs, watched or not. */
export interface FollowedCommand {
  readonly end: Promise<ProcessEnd>;
  kill(signal: NodeJS.Signals): void;
  isGroupAlive(): boolean;
  /** As of an observed run. */
  endRest?(): Promise<void>;
}

/** What may end a command before it ends by itself. */
export interface FollowOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Milliseconds between TERM and KILL. */
  readonly killGraceMs?: number | undefined;
}

/** Hands signals on; those that come while the command is being started reach it afterwards, unless it has had them. */
export interface Forwarding {
  /**
   * To be asked before each try to start the command, and when one has failed.
   * @throws InterruptedError when a signal has come, or the run was aborted: nobody wants the command any more.
   */
  readonly verifyWanted: () => void;
  /** The process of the command is there: signals that their sender sends to it, too, are its own from now on. */
  readonly launched: () => void;
  to(running: FollowedCommand): Promise<void>;
  end(): void;
}

export function createForwarding(source: SignalSource | undefined, abort: AbortSignal | undefined): Forwarding {
  const early: { readonly signal: ForwardedSignal; readonly hasReached: boolean }[] = [];
  let isLaunched = false;
  let target: FollowedCommand | undefined;
  const unsubscribe = source?.subscribe((signal) => {
    const hasReached = isLaunched && source.reachesCommand?.(signal) === true;
    if (target === undefined) early.push({ signal, hasReached });
    else if (!hasReached) target.kill(signal);
  });
  return {
    verifyWanted() {
      if (abort?.aborted === true) throw interruptedBy(abort.reason);
      const [first] = early;
      if (first !== undefined) throw interruptedBySignal(first.signal);
      isLaunched = false;
    },
    launched: () => void (isLaunched = true),
    async to(running) {
      await signalsTold();
      isLaunched = true;
      target = running;
      for (const { signal, hasReached } of early) if (!hasReached) running.kill(signal);
    },
    end: () => unsubscribe?.(),
  };
}

function interruptedBySignal(signal: ForwardedSignal): InterruptedError {
  return new InterruptedError(`interrupted by ${signal}`, { details: { signal } });
}

function interruptedBy(reason: unknown): InterruptedError {
  if (reason instanceof InterruptedError) return reason;
  return new InterruptedError('interrupted before the command was started');
}

/** Resolves when listeners were told of every signal that this process has got: that takes a whole turn of its event loop. */
export async function signalsTold(): Promise<void> {
  await turn();
  await turn();
}

/**
 * Waits for the end of a command, and brings it about when its time is up or the signal aborts.
 * @returns how it ended, and whether the time was up.
 */
export async function followCommand(
  running: FollowedCommand,
  options: FollowOptions,
): Promise<{ readonly end: ProcessEnd; readonly timedOut: boolean }> {
  const reason = await firstReason(running, options);
  if (reason !== 'ended') await endCommand(running, options.clock, options.killGraceMs ?? KILL_GRACE_MS);
  return { end: await running.end, timedOut: reason === 'timeout' };
}

type EndReason = 'ended' | 'timeout' | 'aborted';

async function firstReason(running: FollowedCommand, options: FollowOptions): Promise<EndReason> {
  const { clock, timeoutMs, signal } = options;
  const over = new AbortController();
  const reasons: Promise<EndReason>[] = [running.end.then(() => 'ended' as const)];
  if (timeoutMs !== undefined) reasons.push(clock.sleep(timeoutMs, over.signal).then(() => 'timeout' as const));
  if (signal !== undefined) reasons.push(aborted(signal, over.signal));
  const reason = await Promise.race(reasons);
  over.abort();
  await Promise.allSettled(reasons.slice(1));
  return reason;
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
