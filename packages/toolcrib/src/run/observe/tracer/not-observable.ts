import { SandboxError } from '../../../core/errors.ts';
import type { Failed } from './control-channel.ts';
import { errnoName } from '../errno.ts';

/** What the tracer tried, by the word that it says when it failed, as one clause. */
const TRIED: ReadonlyMap<string, string> = new Map([
  ['btf', 'this kernel does not describe its own types (no /sys/kernel/btf/vmlinux)'],
  ['load', 'the kernel does not take the programs of the tracer'],
  ['attach', 'the kernel does not let the programs of the tracer be attached'],
  ['buffer', 'the kernel gives no buffer for what is observed'],
  ['tag', 'the command cannot be marked'],
  ['sentinel', 'a call that the command made before its start was not seen'],
]);

/** Why the tracer cannot observe, one clause. @param first what it said instead of STARTED. */
export function reasonOf(first: Failed | { readonly kind: 'damaged' }): string {
  if (first.kind === 'damaged') return 'it wrote what this version of toolcrib does not understand';
  const { what, error } = first;
  const name = error === 0 ? '' : errnoName(error);
  if (name === 'EPERM' || name === 'EACCES') {
    return `watching the kernel takes root, or CAP_BPF and CAP_PERFMON (${name})`;
  }
  return `${TRIED.get(what) ?? `the tracer failed (${what})`}${name === '' ? '' : ` (${name})`}`;
}

export function notObservable(reason: string): SandboxError {
  return new SandboxError('NOT_OBSERVABLE', `the command cannot be observed by the tracer: ${reason}`, {
    hint: 'toolcrib doctor says what observes here; --kernel off runs the command unobserved',
    details: { reason },
  });
}
