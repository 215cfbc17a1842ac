import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A small deterministic command: one row of docs/ground-truth.md. */
export interface Workload {
  readonly name: string;
  /** What is tried by it, for the table. */
  readonly tries: string;
  /** A program in `programs/`, compiled statically to `program` in the folder. */
  readonly source?: string;
  /** Makes what the command needs in the folder, once. */
  readonly prepare?: (folder: string, env: Readonly<Record<string, string>>) => Promise<void>;
  readonly command: (folder: string) => readonly string[];
  /** Variables besides those that every workload has. */
  readonly env?: (folder: string) => Readonly<Record<string, string>>;
  /**
   * What differs by nature between two runs of the command, as parts of paths: names that are random or hold a pid. Each
   * is replaced on both sides.
   */
  readonly differs?: readonly (readonly [pattern: RegExp, replacement: string])[];
  /**
   * Opens that a run makes or does not make, by the moment at which its threads meet: of those that match, no side is
   * counted.
   */
  readonly varies?: readonly RegExp[];
  /** Calls that strace with a filter is known to lose, and has to count. */
  readonly lostByStrace?: number;
  /** A call by which something happens that no observer of calls sees; it has to be told as such. */
  readonly blindSpot?: string;
}

/** A workload that can run again and again in a folder that is always the same. */
export interface PreparedWorkload extends AsyncDisposable {
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Makes the folder as it was before any run. */
  reset(): Promise<void>;
}

const PROGRAMS = join(import.meta.dirname, 'programs');

/** Compiles and makes what a workload needs. */
export async function prepareWorkload(workload: Workload): Promise<PreparedWorkload> {
  const scratch = await mkdtemp(join(tmpdir(), 'ground-truth-'));
  const [folder, template] = [join(scratch, 'folder'), join(scratch, 'template')];
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    TMPDIR: folder,
    LC_ALL: 'C',
    ...workload.env?.(folder),
  };
  await mkdir(folder);
  if (workload.source !== undefined) await compile(join(PROGRAMS, workload.source), join(folder, 'program'));
  await workload.prepare?.(folder, env);
  await cp(folder, template, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  return {
    command: workload.command(folder),
    cwd: folder,
    env,
    async reset() {
      await rm(folder, { recursive: true });
      await cp(template, folder, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    },
    [Symbol.asyncDispose]: () => rm(scratch, { recursive: true }),
  };
}

/** Without libraries: what a program opens is what its source says. */
export async function compile(source: string, program: string): Promise<void> {
  await run('gcc', ['-static', '-O1', '-pthread', '-o', program, source]);
}
