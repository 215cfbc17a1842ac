import type { ArchiveDraft } from './archive/write.ts';
import { captureCalls } from './capture-calls.ts';
import type { LogJudge } from './ingest/watch-log.ts';
import { ingestLogs, type IngestedLogs, type RunLogs } from './ingest-logs.ts';
import { createNormaliser } from './normalise/normaliser.ts';
import type { ObservedRun } from './observe/observer.ts';
import type { Redactor } from './redaction/redactor.ts';
import { createSurfaceBuilder } from './reports/capability-surface.ts';
import type { PlacementFacts } from './reports/injection-record.ts';
import type { CommandRun, RunCapture } from './run-command.ts';
import type { RunSpec } from './run-spec.ts';
import { writeReports } from './write-reports.ts';

/** The archive that a run is recorded in. */
export interface EvidenceTarget {
  readonly spec: RunSpec;
  readonly draft: ArchiveDraft;
  readonly redactor: Redactor;
}

/** Keeps what an observer tells, until the observation is over. @param target.raw whether everything is kept, too. */
export async function captureRun(
  observed: ObservedRun,
  { spec, draft, redactor, raw = false }: EvidenceTarget & { readonly raw?: boolean },
): Promise<Omit<RunCapture, 'drainMs'>> {
  const surface = createSurfaceBuilder();
  const normaliser = createNormaliser({ runId: spec.run_id, redactor, surface, raw });
  const report = await captureCalls(observed, normaliser, draft, raw);
  return { report, normaliser, surface };
}

/** What a run that is over left beside what its observer told. */
export interface RunRemains {
  readonly run: CommandRun;
  readonly logs: RunLogs;
  /** Judges the policy log, when it has been read. */
  readonly policyAuthor: LogJudge | undefined;
  /** What whoever records changed for the command, one sentence each. */
  readonly perturbations: readonly string[];
  /** Undefined for a run on this machine. */
  readonly injection: PlacementFacts | undefined;
}

/** Reads the logs of a run that is over, and writes what follows from all layers. */
export async function writeEvidence(
  { spec, draft, redactor }: EvidenceTarget,
  { run, logs, policyAuthor, perturbations, injection }: RunRemains,
): Promise<IngestedLogs> {
  const surface = run.capture?.report.attribution === 'proven' ? run.capture.surface : createSurfaceBuilder();
  const ingested = await ingestLogs(logs, { spec, redactor, draft, surface, policyAuthor });
  await writeReports(draft, { spec, redactor, run, surface, ingested, perturbations, injection });
  return ingested;
}
