import { execFile } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ProcessEnd } from '../../../../../src/run/child-process.ts';
import type { ObservedCall } from '../../../../../src/run/observe/observed-call.ts';
import type { CaptureReport } from '../../../../../src/run/observe/observer.ts';
import { probeTracer } from '../../../../../src/run/observe/tracer/probe.ts';
import { createTracerObserver, type TracerOptions } from '../../../../../src/run/observe/tracer/tracer-observer.ts';

const run = promisify(execFile);

/** What the tracer told of a workload. */
export interface Traced {
  readonly calls: readonly ObservedCall[];
  readonly end: ProcessEnd;
  readonly capture: CaptureReport;
  /** The folder in which it ran, which was empty, and is gone. */
  readonly folder: string;
}

/** The program of workload.c, and a way to trace it. */
export interface Workloads extends AsyncDisposable {
  readonly program: string;
  trace(command: readonly string[], options?: Partial<TracerOptions>): Promise<Traced>;
}

/** The path of the tracer. @throws Error when it cannot observe here. */
export async function tracerPath(): Promise<string> {
  const probe = await probeTracer();
  if ('reason' in probe) throw new Error(probe.reason);
  return probe.tracer;
}

/** Compiles the workloads. */
export async function compileWorkloads(): Promise<Workloads> {
  const folder = await mkdtemp(join(tmpdir(), 'workload-'));
  const program = join(folder, 'workload');
  await run('gcc', ['-O1', '-o', program, join(import.meta.dirname, 'workload.c'), '-lpthread']);
  return {
    program,
    trace,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function trace(command: readonly string[], options: Partial<TracerOptions> = {}): Promise<Traced> {
  const observer = createTracerObserver({ tracer: await tracerPath(), ...options });
  const folder = await mkdtemp(join(tmpdir(), 'traced-'));
  const nothing = openSync('/dev/null', 'r+');
  try {
    const started = await observer.start({
      command,
      cwd: folder,
      env: process.env,
      stdio: [nothing, nothing, nothing],
      ownGroup: false,
    });
    if ('code' in started) throw new Error(started.reason);
    const calls: ObservedCall[] = [];
    for await (const call of started.calls) calls.push(call);
    return { calls, end: await started.end, capture: await started.capture, folder };
  } finally {
    closeSync(nothing);
    // A workload makes folders that are deeper than a path may be.
    await run('rm', ['-rf', folder]);
  }
}

/** Without what starting a program opens: the loader's cache, the C library. */
export function withoutLoader(calls: readonly ObservedCall[]): readonly ObservedCall[] {
  return calls.filter(
    (call) => call.kind !== 'open' || !/\/(?:ld\.so\.cache|libc\.so\.6|gconv.*)$/.test(call.path.given ?? ''),
  );
}
