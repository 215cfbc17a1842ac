import type { SpawnError } from './child-process.ts';

/** Any failure of toolcrib itself in `run` and `exec`. */
const OWN_FAILURE = 125;
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;
const SIGNALLED = 128;

/** How a run ended, as far as its exit status is concerned. */
export interface RunEndStatus {
  readonly exitCode: number | null;
  /** Number of the signal that ended it. */
  readonly signal: number | null;
  readonly spawnError: SpawnError | null;
}

/**
 * What `toolcrib run` exits with: the command's own code, 128+N for a signal, 127 for a program that is not there, 126
 * for one that cannot be executed, 125 when toolcrib could not even try.
 */
export function exitStatusOf(end: RunEndStatus): number {
  if (end.spawnError !== null) return spawnStatus(end.spawnError.code);
  if (end.exitCode !== null) return end.exitCode;
  return end.signal === null ? OWN_FAILURE : SIGNALLED + end.signal;
}

function spawnStatus(code: string): number {
  if (code === 'ENOENT') return NOT_FOUND;
  // The system has no room for another process, or a sandbox's tool did not get to it: that says nothing about the command.
  return ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE', 'INVALID', 'TOOL_ENDED'].includes(code)
    ? OWN_FAILURE
    : NOT_EXECUTABLE;
}
