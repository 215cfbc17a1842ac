import { systemClock } from '../../../src/flows/host.ts';
import type { Observer } from '../../../src/run/observe/observer.ts';
import { probeStrace } from '../../../src/run/observe/strace/probe.ts';
import { createStraceObserver } from '../../../src/run/observe/strace/strace-observer.ts';
import { probeTracer } from '../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver } from '../../../src/run/observe/tracer/tracer-observer.ts';

/** Observers that the contract and the ground truth are tried on. */
export type ObserverName = 'strace' | 'tracer';

/** Why this machine has no such observer; undefined when it has. */
export async function observerMissing(name: ObserverName): Promise<string | undefined> {
  const probe = await probeOf(name);
  return 'reason' in probe ? probe.reason : undefined;
}

/** @throws Error when this machine has none. */
export async function openObserver(name: ObserverName, options: { readonly drainMs?: number }): Promise<Observer> {
  const probe = await probeOf(name);
  if ('reason' in probe) throw new Error(probe.reason);
  if ('tracer' in probe) return createTracerObserver({ tracer: probe.tracer, ...options });
  return createStraceObserver({ strace: probe.strace, clock: systemClock, ...options });
}

type Probe = { readonly strace: string } | { readonly tracer: string } | { readonly reason: string };

async function probeOf(name: ObserverName): Promise<Probe> {
  return name === 'tracer' ? await probeTracer() : await probeStrace(process.env['PATH']);
}
