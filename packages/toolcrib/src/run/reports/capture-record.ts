import * as z from 'zod/mini';
import type { NormaliserCounts } from '../normalise/normalised.ts';
import type { CaptureReport, CaptureTier } from '../observe/observer.ts';

export const CAPTURE_SCHEMA = 'toolcrib.capture.v1';

const count = z.int().check(z.minimum(0));
const counts = z.record(z.string(), count);
const networkCounts = z.strictObject({ connect: count, sendto: count, sendmsg: count });

const normaliserSchema = z.strictObject({
  version: z.string(),
  calls: count,
  opens: count,
  lines: z.strictObject({ kernel: count, effects: count, raw: count }),
  hidden: counts,
  hidden_elsewhere: count,
  non_ip_peers: networkCounts,
  sends_without_peer: z.strictObject({ sendto: count, sendmsg: count }),
  endpoints: networkCounts,
  unreadable: z.strictObject({ paths: count, addresses: count, refused: count }),
  blind_spots: counts,
});

/** `toolcrib/capture.json`: how the kernel was observed. What health and coverage say follows from it. */
export const captureRecordSchema = z.strictObject({
  schema: z.literal(CAPTURE_SCHEMA),
  run_id: z.string(),
  /** What was asked for. */
  requested: z.enum(['ebpf', 'ptrace', 'auto', 'off']),
  tier: z.enum(['ebpf', 'ptrace', 'none']),
  /** Why a tier that was tried could not observe. */
  refusals: z.array(z.strictObject({ tier: z.string(), reason: z.string() })),
  /** Null where nothing observed. */
  attribution: z.nullable(z.enum(['proven', 'doubtful'])),
  /** The observer was gone before the last descendant. */
  ended_early: z.boolean(),
  /** Descendants that lived on when the recording ended. Null where nobody counted them. */
  survivors: z.nullable(count),
  /** What became of the calls, by hook: emitted + dropped + missed is what was performed. */
  hooks: z.array(
    z.strictObject({ hook: z.string(), emitted: count, dropped: count, unreadable: count, missed: count }),
  ),
  /** What the recording changed for the command: its observer, and a shim that it loads there. */
  perturbations: z.array(z.string()),
  overhead: z.strictObject({
    /** Milliseconds from the start of the observer until the command was released; null where nothing observed. */
    attach_ms: z.nullable(z.number().check(z.minimum(0))),
    /** Milliseconds from the end of the command to the end of the observation. */
    drain_ms: z.nullable(z.number().check(z.minimum(0))),
  }),
  /** What became lines, and what was left out; null where nothing observed. */
  normaliser: z.nullable(normaliserSchema),
  /** Logs that became layers, and whether the recorded command could itself have written them. */
  logs: z.array(
    z.strictObject({
      layer: z.enum(['policy', 'sdk']),
      command_could_write: z.boolean(),
      /** Why, one sentence each. */
      because: z.array(z.string()),
    }),
  ),
});

export type CaptureRecord = z.infer<typeof captureRecordSchema>;

/** What a record is made from. */
export interface CaptureFacts {
  readonly runId: string;
  readonly requested: CaptureRecord['requested'];
  readonly tier: CaptureTier;
  readonly refusals: readonly { readonly tier: CaptureTier; readonly reason: string }[];
  /** Undefined where nothing observed. */
  readonly observed: { readonly report: CaptureReport; readonly counts: NormaliserCounts } | undefined;
  /** Milliseconds from the end of the command to the end of the observation. */
  readonly drainMs: number | undefined;
  /** What the recording changed beside its observer, one sentence each. */
  readonly perturbations: readonly string[];
  readonly logs: readonly {
    readonly layer: 'policy' | 'sdk';
    readonly command_could_write: boolean;
    readonly because: readonly string[];
  }[];
  /** Makes a text fit to be written: reasons and perturbations quote paths. */
  readonly redacted: (text: string) => string;
}

/**
 * The record of a run. One whose attribution is in doubt has no lines: calls that may be those of somebody else are not
 * kept.
 */
export function captureRecord(facts: CaptureFacts): CaptureRecord {
  const { runId, requested, tier, refusals, observed, drainMs, perturbations, logs, redacted } = facts;
  const report = observed?.report;
  return {
    schema: CAPTURE_SCHEMA,
    run_id: runId,
    requested,
    tier,
    refusals: refusals.map((refusal) => ({ tier: refusal.tier, reason: redacted(refusal.reason) })),
    attribution: report?.attribution ?? null,
    ended_early: report?.endedEarly ?? false,
    survivors: report?.survivors ?? null,
    hooks: (report?.accounts ?? []).map(({ hook, emitted, dropped, unreadable, missed }) => {
      return { hook, emitted, dropped, unreadable, missed };
    }),
    perturbations: [...(report?.perturbations ?? []), ...perturbations].map(redacted),
    overhead: { attach_ms: report?.attachMs ?? null, drain_ms: drainMs ?? null },
    normaliser: observed === undefined ? null : writtenCounts(observed.report, observed.counts),
    logs: logs.map(({ layer, command_could_write, because }) => {
      return { layer, command_could_write, because: because.map(redacted) };
    }),
  };
}

function writtenCounts(report: CaptureReport, counts: NormaliserCounts): NormaliserCounts {
  return report.attribution === 'proven' ? counts : { ...counts, lines: { kernel: 0, effects: 0, raw: 0 } };
}

/** Whether what was observed counts as that of the run. */
export function isAttributed(record: CaptureRecord): boolean {
  return record.tier !== 'none' && record.attribution === 'proven';
}

/**
 * Calls that were performed and are not told, or not whole: dropped, missed, or with a path or an address that could not
 * be read. What the kernel itself could not read is no loss: it refused the call.
 */
export function lostRecords({ hooks, normaliser }: CaptureRecord): number {
  const told = normaliser?.unreadable ?? { paths: 0, addresses: 0, refused: 0 };
  const unreadable = hooks.reduce((sum, hook) => sum + hook.unreadable, 0);
  const unseen = Math.max(0, unreadable - told.paths - told.addresses - told.refused);
  return hooks.reduce((sum, hook) => sum + hook.dropped + hook.missed, told.paths + told.addresses + unseen);
}
