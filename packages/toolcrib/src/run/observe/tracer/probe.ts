import { messageOf } from '../../../core/errors.ts';
import { findTracer } from './executable.ts';
import { reasonOf } from './not-observable.ts';
import { startTracer } from './tracer-process.ts';

/** What can observe by the tracer here, or why nothing can: one clause. */
export type TracerProbe = { readonly tracer: string } | { readonly reason: string };

/** A probe is killed by the limit to its start. */
const SILENCE_MS = 30_000;

/** Finds the tracer and tries it: everything is attached, and a call of a process that it starts is seen. */
export async function probeTracer(): Promise<TracerProbe> {
  if (process.platform !== 'linux') return { reason: `the tracer is for Linux, and this is ${process.platform}` };
  const tracer = findTracer();
  if (tracer === undefined) {
    return { reason: `the tracer is not installed: there is no package tracer-linux-${process.arch}` };
  }
  try {
    const tried = startTracer({
      executable: tracer,
      args: ['--probe'],
      env: {},
      stdio: 'ignore',
      silenceMs: SILENCE_MS,
    });
    tried.stream.resume();
    const first = await tried.first;
    if (first.kind === 'damaged') tried.kill();
    await tried.gone;
    return first.kind === 'started' ? { tracer } : { reason: reasonOf(first) };
  } catch (error) {
    return { reason: messageOf(error) };
  }
}
