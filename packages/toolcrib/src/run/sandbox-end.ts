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

/** Engines pass no signals on: the tool ends a command by these, whichever was asked for. */
const BY_THE_TOOL: readonly (number | null)[] = [constants.signals.SIGTERM, constants.signals.SIGKILL];

/**
 * How a command in a sandbox ended: what was seen of it, by the kernel first. Nobody knows it where neither was told, or
 * the sandbox died: then it has neither code nor signal.
 */
export function endInSandbox({ asked, kernel, tool }: EndAccounts, after: SandboxAfter): ProcessEnd {
  const seen = kernel ?? tool;
  if (seen === null || after === 'gone') return { exitCode: null, signal: null };
  const isAsked = asked !== null && BY_THE_TOOL.includes(seen.signal);
  return isAsked ? { exitCode: null, signal: asked } : { exitCode: seen.exitCode, signal: seen.signal };
}

/** Whether the tool told another end than the one that was seen. */
export function isContradicted({ kernel, tool }: EndAccounts): boolean {
  if (kernel === null || tool === null) return false;
  return kernel.exitCode !== tool.exitCode || kernel.signal !== tool.signal;
}
