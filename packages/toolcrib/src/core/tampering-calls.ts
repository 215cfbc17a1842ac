/**
 * System calls by which programs in the kernel, what they know and what they count can be changed: what an observer sees
 * after one that did not fail may not be all.
 */
const TAMPERING_CALLS: readonly string[] = ['bpf', 'init_module', 'finit_module'];

/** How many of them did not fail. @param blindSpots by name, how often such calls were seen. */
export function countTamperings(blindSpots: Readonly<Record<string, number>> = {}): number {
  return TAMPERING_CALLS.reduce((sum, call) => sum + (blindSpots[call] ?? 0), 0);
}
