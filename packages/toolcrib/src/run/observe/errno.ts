import { getSystemErrorMessage, getSystemErrorName } from 'node:util';
import type { SpawnError } from '../child-process.ts';

/** The name of an error of the system, e.g. `EPERM`. @param error positive. */
export function errnoName(error: number): string {
  // Node has no name for a few that no call here returns.
  return isKnown(error) ? getSystemErrorName(-error) : `errno ${error}`;
}

/** In the words that a start without an observer has for it. @param error positive. */
export function spawnErrorOfErrno(error: number): SpawnError {
  const code = errnoName(error);
  return { code, reason: `${isKnown(error) ? getSystemErrorMessage(-error) : 'the system refused it'} (${code})` };
}

function isKnown(error: number): boolean {
  return error > 0 && !getSystemErrorName(-error).startsWith('Unknown');
}
