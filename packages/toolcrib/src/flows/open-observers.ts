import { SandboxError } from '../core/errors.ts';
import type { Observer, SandboxObserver } from '../run/observe/observer.ts';
import type { KernelRequest, ObserverChoice } from '../run/start-observed.ts';
import type { Host } from './host.ts';

/**
 * The observers that may be tried for a request, the best one first. None is loaded before it is opened.
 * @param drain seconds that descendants are observed after the command's end; undefined: as long as each does by itself.
 * @returns none where there is none for this system.
 */
export function openObservers(
  host: Host,
  requested: KernelRequest,
  drain: number | undefined,
): readonly ObserverChoice[] {
  if (process.platform !== 'linux') return [];
  const drainMs = drain === undefined ? undefined : drain * 1000;
  const choices: readonly ObserverChoice[] = [
    { tier: 'ebpf', open: () => openTracer(drainMs) },
    { tier: 'ptrace', open: () => openStrace(host, drainMs) },
  ];
  return choices.filter(({ tier }) => requested === 'auto' || requested === tier);
}

/**
 * The tracer in the kernel, for what is started here or in a sandbox.
 * @param drainMs milliseconds that descendants are observed after the end; undefined: as long as it does by itself.
 * @throws SandboxError `NOT_OBSERVABLE` when it is not installed.
 */
export async function openTracer(drainMs: number | undefined): Promise<Observer & SandboxObserver> {
  const { findTracer } = await import('../run/observe/tracer/executable.ts');
  const { createTracerObserver } = await import('../run/observe/tracer/tracer-observer.ts');
  const tracer = findTracer();
  if (tracer === undefined) throw notObservable('the tracer for this machine is not installed');
  return createTracerObserver({ tracer, ...(drainMs !== undefined && { drainMs }) });
}

async function openStrace({ env, clock }: Host, drainMs: number | undefined): Promise<Observer> {
  const { probeStrace } = await import('../run/observe/strace/probe.ts');
  const { createStraceObserver } = await import('../run/observe/strace/strace-observer.ts');
  const probe = await probeStrace(env['PATH']);
  if ('reason' in probe) throw notObservable(probe.reason);
  return createStraceObserver({ strace: probe.strace, clock, ...(drainMs !== undefined && { drainMs }) });
}

function notObservable(reason: string): SandboxError {
  return new SandboxError('NOT_OBSERVABLE', reason, { hint: 'toolcrib doctor says what observes here' });
}
