import type { Clock } from '../core/clock.ts';
import type { ProcessEnd } from './child-process.ts';
import { endCommand, KILL_GRACE_MS } from './process-deadline.ts';

/** Signals that a run hands on. */
export type ForwardedSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** Where signals for the command come from; only the CLI listens to the process. */
export interface SignalSource {
  /** @returns what ends the subscription. */
  subscribe(listener: (signal: ForwardedSignal) => void): () => void;
}

/** A command that runs, watched or not. */
export interface FollowedCommand {
  readonly end: Promise<ProcessEnd>;
  kill(signal: NodeJS.Signals): void;
  isGroupAlive(): boolean;
}

/** What may end a command before it ends by itself. */
export interface FollowOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Milliseconds between TERM and KILL. */
  readonly killGraceMs?: number | undefined;
}

/** Hands signals on; those that come while the command is being started reach it afterwards. */
export interface Forwarding {
  to(running: FollowedCommand): void;
  end(): void;
}

export function createForwarding(source: SignalSource | undefined): Forwarding {
  const early: ForwardedSignal[] = [];
  let target: FollowedCommand | undefined;
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
