import * as z from 'zod/mini';
import { isDigest } from '../../core/digest.ts';
import type { ProcessEnd } from '../child-process.ts';
import { isExitCode, isSignalNumber } from '../possible-end.ts';
import { endInSandbox, type EndAccounts } from '../sandbox-end.ts';

export const INJECTION_SCHEMA = 'toolcrib.injection.v0';

const exitCode = z.int().check(z.refine(isExitCode, 'expected an exit code, from 0 to 255'));
const signalNumber = z.int().check(z.refine(isSignalNumber, 'expected the number of a signal, from 1 to 64'));

const toldEnd = z
  .strictObject({ exit_code: z.nullable(exitCode), signal: z.nullable(signalNumber) })
  .check(
    z.refine((end) => end.exit_code === null || end.signal === null, 'expected an exit code or a signal, not both'),
  );

/** `toolcrib/injection.json`: the sandbox that a command ran in, and the tool in it that started the command. */
export const injectionSchema = z.strictObject({
  schema: z.literal(INJECTION_SCHEMA),
  run_id: z.string(),
  /** The reference by which it was named. */
  sandbox: z.string(),
  /** Which engine, and which sandbox of it, by the engine's own words. */
  engine: z.string(),
  id: z.string(),
  started_at: z.string(),
  tool: z.string(),
  version: z.int().check(z.minimum(1)),
  target: z.string(),
  digest: z.string().check(z.refine(isDigest, 'expected sha256:<64 lowercase hex>')),
  /** Path of the sandbox. */
  directory: z.string(),
  rung: z.string(),
  /** Against whom the proof of the placement holds after its moment, and why no more. */
  protection: z.string(),
  why: z.string(),
  /** Who told that the bytes are right. */
  read_back: z.string(),
  /** Milliseconds since 1970. */
  proven_at: z.int().check(z.minimum(0)),
  /** Whether it had been placed before this run. */
  reused: z.boolean(),
  /**
   * The process in the sandbox that showed itself to the observer, as the observer's kernel counts; null when none did:
   * then nothing is known of the kernel that the sandbox runs on.
   */
  anchor: z.nullable(
    z.strictObject({
      pid: z.int(),
      cgroup_id: z.int(),
      /** Whether the engine says that it is the process that it started; absent in older archives: it was not asked. */
      by_engine: z.optional(z.boolean()),
    }),
  ),
  /** What became of the sandbox: `gone` when it did not run any more after the command. */
  after: z.enum(['running', 'gone', 'unknown']),
  /**
   * Who told how the command ended, and what: that is where the end of the run comes from. Absent in older archives, which
   * took the end of the tool for that of its command.
   */
  ended: z.optional(
    z.strictObject({
      /** The number of the signal that was to end it; null when nobody asked for that. */
      asked: z.nullable(signalNumber),
      /** What the observer saw of its process, and what the tool told that started it; null for who did not. */
      kernel: z.nullable(toldEnd),
      tool: z.nullable(toldEnd),
    }),
  ),
});

export type InjectionRecord = z.infer<typeof injectionSchema>;

/** What of it is known where the sandbox is. */
export type PlacementFacts = Omit<InjectionRecord, 'schema' | 'run_id'>;

/** The record in the order of its keys. @param redacted hides secrets in a text. */
export function injectionRecord(
  runId: string,
  facts: PlacementFacts,
  redacted: (text: string) => string,
): InjectionRecord {
  const { sandbox, directory, why, ...others } = facts;
  const texts = { sandbox: redacted(sandbox), directory: redacted(directory), why: redacted(why) };
  return injectionSchema.parse({ schema: INJECTION_SCHEMA, run_id: runId, ...others, ...texts });
}

/** Who told how a command ended, as it is recorded. */
export function recordedEnd({ asked, kernel, tool }: EndAccounts): NonNullable<InjectionRecord['ended']> {
  const told = (end: ProcessEnd | null) => end && { exit_code: end.exitCode, signal: end.signal };
  return { asked, kernel: told(kernel), tool: told(tool) };
}

/** The same, as it was known. */
export function accountsOf({ asked, kernel, tool }: NonNullable<InjectionRecord['ended']>): EndAccounts {
  const end = (told: typeof kernel): ProcessEnd | null => told && { exitCode: told.exit_code, signal: told.signal };
  return { asked, kernel: end(kernel), tool: end(tool) };
}

/** What else the same archive says. */
export interface InjectedRun {
  readonly kernelLayer: string;
  /** How the run ended; undefined where it does not tell. */
  readonly end: { readonly exit_code: number | null; readonly signal: number | null } | undefined;
}

/** Where a record says less than the rest of the archive, one sentence each. */
export function injectionProblems(record: InjectionRecord, { kernelLayer, end }: InjectedRun): readonly string[] {
  const isShown = record.anchor !== null || kernelLayer === 'absent';
  const unshown = `no process of the sandbox showed itself to the observer, but kernel_layer is ${kernelLayer}`;
  const isSeen = record.anchor !== null && kernelLayer !== 'absent';
  const unseen = 'the kernel tells the end of a command that nobody observed';
  return [
    ...(isShown ? [] : [unshown]),
    ...(isSeen || (record.ended?.kernel ?? null) === null ? [] : [unseen]),
    ...endProblems(record, end),
  ];
}

function endProblems({ ended, after }: InjectionRecord, end: InjectedRun['end']): readonly string[] {
  if (ended === undefined || end === undefined) return [];
  const { exitCode, signal } = endInSandbox(accountsOf(ended), after);
  if (end.exit_code === exitCode && end.signal === signal) return [];
  return [
    `the run ended with ${textOf(end.exit_code, end.signal)}, what was told of it is ${textOf(exitCode, signal)}`,
  ];
}

function textOf(exitCode: number | null, signal: number | null): string {
  if (exitCode !== null) return `exit code ${exitCode}`;
  return signal === null ? 'nothing that is known' : `signal ${signal}`;
}
