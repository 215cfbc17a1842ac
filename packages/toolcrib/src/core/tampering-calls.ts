/**
 * System calls by which programs in the kernel, what they know and what they count can be changed: what an observer sees
 * after one that did not fail may not be all.
 */
export const TAMPERING_CALLS: readonly string[] = ['bpf', 'init_module', 'finit_module'];
