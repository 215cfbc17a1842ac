import * as z from 'zod/mini';
import { isDigest } from '../../core/digest.ts';

export const INJECTION_SCHEMA = 'toolcrib.injection.v0';

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

/** Where a record says what the observation of the kernel cannot have, one sentence each. */
export function injectionProblems(record: InjectionRecord, kernelLayer: string): readonly string[] {
  if (record.anchor !== null || kernelLayer === 'absent') return [];
  return [`no process of the sandbox showed itself to the observer, but kernel_layer is ${kernelLayer}`];
}
