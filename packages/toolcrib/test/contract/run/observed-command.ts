import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ProcessEnd, SpawnError } from '../../../src/run/child-process.ts';
import type { ObservedCall } from '../../../src/run/observe/observed-call.ts';
import type { CaptureReport, ObservedCommand, ObservedRun, Observer } from '../../../src/run/observe/observer.ts';

/** A command that runs in a folder of its own, with its output in files. */
export interface RunningObserved extends AsyncDisposable {
  readonly run: ObservedRun;
  /** Its working directory. */
  readonly folder: string;
  /** What it has written. */
  output(): Promise<{ readonly stdout: string; readonly stderr: string }>;
}

/** What became of one. */
export interface Observed {
  readonly calls: readonly ObservedCall[];
  readonly end: ProcessEnd;
  readonly capture: CaptureReport;
  readonly stdout: string;
  readonly stderr: string;
}

type CommandOptions = Partial<Pick<ObservedCommand, 'env' | 'cwd' | 'ownGroup'>>;

/** @returns why the command did not start, and what stands in its output all the same. */
export async function startObserved(
  observer: Observer,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<RunningObserved | (SpawnError & { readonly written: string })> {
  const folder = await mkdtemp(join(tmpdir(), 'observed-'));
  const files = [join(folder, 'stdout'), join(folder, 'stderr')] as const;
  const [stdin, stdout, stderr] = [openSync('/dev/null', 'r'), openSync(files[0], 'w'), openSync(files[1], 'w')];
  const output = async () => ({ stdout: await readFile(files[0], 'utf8'), stderr: await readFile(files[1], 'utf8') });
  try {
    const defaults = { cwd: folder, env: process.env, ownGroup: false };
    const run = await observer.start({ command, ...defaults, ...options, stdio: [stdin, stdout, stderr] });
    if ('code' in run) {
      const { stdout: out, stderr: err } = await output();
      await rm(folder, { recursive: true });
      return { ...run, written: `${out}${err}` };
    }
    return { run, folder, output, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
  } finally {
    for (const descriptor of [stdin, stdout, stderr]) closeSync(descriptor);
  }
}

/** Runs a command to the end of all that it started. */
export async function observe(
  observer: Observer,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<Observed> {
  await using running = await started(observer, command, options);
  const calls = await callsOf(running.run);
  const [end, capture, written] = await Promise.all([running.run.end, running.run.capture, running.output()]);
  return { calls, end, capture, ...written };
}

/** As {@link startObserved}, for a command that must start. */
export async function started(
  observer: Observer,
  command: readonly string[],
  options: CommandOptions = {},
): Promise<RunningObserved> {
  const running = await startObserved(observer, command, options);
  if ('code' in running) throw new Error(`${command.join(' ')} did not start: ${running.reason}`);
  return running;
}

export async function callsOf(run: ObservedRun): Promise<ObservedCall[]> {
  const calls: ObservedCall[] = [];
  for await (const call of run.calls) calls.push(call);
  return calls;
}

/** Paths that were opened, whether that worked or not, that end in the name. */
export function opensOf(calls: readonly ObservedCall[], name: string): readonly ObservedCall[] {
  return calls.filter((call) => call.kind === 'open' && call.path.given?.endsWith(name));
}

/** Waits for what no event tells, and not for ever. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let round = 0; round < 2000; round++) {
    if (await isSo()) return;
    await pause(10);
  }
  throw new Error(`20 seconds later it was still not so that ${what}`);
}

/** Whether it runs: a zombie does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return /^State:\s*[^ZX\s]/m.test(status);
}
