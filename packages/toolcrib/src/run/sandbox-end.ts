import { constants } from 'node:os';
import type { ProcessEnd } from './child-process.ts';

/** Who told how a command in a sandbox ended, and what. */
export interface EndAccounts {
  /** The number of the signal that was asked for it to be ended by; null when nobody asked. */
  readonly asked: number | null;
  /** What the observer saw; null when it did not. */
  readonly kernel: ProcessEnd | null;
  /** What the tool told that started it; null when it did not. */
  readonly tool: ProcessEnd | null;
}

/** What became of a sandbox; `unknown` when its engine did not say. */
export type SandboxAfter = 'running' | 'gone' | 'unknown';

/** Engines pass no signals on: the tool asks a command to end by this one, whichever was asked for. */
const ASKED_BY_THE_TOOL = constants.signals.SIGTERM;

/**
 * How a command in a sandbox ended: what was seen of it, by the kernel first. Nobody knows it where neither was told, or
 * the sandbox died: then it has neither code nor signal. The signal by which its tool asks it to end stands for the one that
 * was asked for; the one by which the tool ends what does not, for itself.
 */
export function endInSandbox({ asked, kernel, tool }: EndAccounts, after: SandboxAfter): ProcessEnd {
  const seen = kernel ?? tool;
  if (seen === null || after === 'gone') return { exitCode: null, signal: null };
  const isAsked = asked !== null && seen.signal === ASKED_BY_THE_TOOL;
  return isAsked ? { exitCode: null, signal: asked } : { exitCode: seen.exitCode, signal: seen.signal };
}

/** Whether the tool told another end than the one that was seen. */
export function isContradicted({ kernel, tool }: EndAccounts): boolean {
  if (kernel === null || tool === null) return false;
  return kernel.exitCode !== tool.exitCode || kernel.signal !== tool.signal;
}
