import type { Observer } from '../run/observe/observer.ts';

/**
 * The observers of this system that may be tried for a request, the best one first.
 * @returns none where there is none.
 */
export function openObservers(): readonly Observer[] {
  return [];
}
