import {
  CAPTURE_PATH,
  CORRELATION_PATH,
  COVERAGE_PATH,
  EFFECTS_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  INJECTION_PATH,
  KERNEL_PATH,
  OUTCOME_PATH,
  RAW_PATH,
  SURFACE_PATH,
} from './archive/paths.ts';
import type { ArchiveDraft } from './archive/write.ts';
import { spawnErrorText } from './child-process.ts';
import type { IngestedLogs } from './ingest-logs.ts';
import { runFinished, runStarted, type RunEvent } from './layers/run-event.ts';
import type { CommandRun } from './run-command.ts';
import type { Redactor } from './redaction/redactor.ts';
import type { SurfaceBuilder } from './reports/capability-surface.ts';
import { captureRecord, type CaptureRecord } from './reports/capture-record.ts';
import { correlate } from './reports/correlation-report.ts';
import { injectionRecord, type PlacementFacts } from './reports/injection-record.ts';
import { healthOfRun } from './reports/kernel-health.ts';
import { formatHealth, type ObservationHealth } from './reports/observation-health.ts';
import { runCoverage } from './reports/run-coverage.ts';
import type { RunSpec } from './run-spec.ts';

/** What is known of a run that is over. */
export interface FinishedRun {
  readonly spec: RunSpec;
  readonly redactor: Redactor;
  readonly run: CommandRun;
  /** What the layers imply. */
  readonly surface: SurfaceBuilder;
  readonly ingested: IngestedLogs;
  /** What whoever records changed for the command, beside what its observer did, one sentence each. */
  readonly perturbations: readonly string[];
  /** Undefined for a run on this machine. */
  readonly injection: PlacementFacts | undefined;
}

/** Writes what follows from the layers, and takes layers out that do not count. */
export async function writeReports(draft: ArchiveDraft, finished: FinishedRun): Promise<void> {
  const { spec, run, surface } = finished;
  if (run.capture?.report.attribution !== 'proven') await dropKernelLayer(draft);
  writeEvents(draft, finished);
  writeInjection(draft, finished);
  draft.document(SURFACE_PATH, JSON.stringify(surface.build(spec.run_id)));
  draft.document(CORRELATION_PATH, JSON.stringify(correlationOf(finished)));
  const record = captureRecordOf(finished);
  const tellsMore = [...record.logs, ...record.perturbations].length > 0 || finished.injection !== undefined;
  if (run.requested !== 'off' || tellsMore) draft.document(CAPTURE_PATH, JSON.stringify(record));
  if (run.requested !== 'off') draft.document(COVERAGE_PATH, JSON.stringify(runCoverage(record)));
  // Last, because it counts what was redacted above.
  draft.document(HEALTH_PATH, formatHealth(healthOf(finished, record)));
}

/** Calls that may be those of somebody else are not kept. */
async function dropKernelLayer(draft: ArchiveDraft): Promise<void> {
  for (const path of [KERNEL_PATH, EFFECTS_PATH, RAW_PATH]) await draft.remove(path);
  draft.member(KERNEL_PATH);
}

function writeEvents(draft: ArchiveDraft, { spec, redactor, run }: FinishedRun): void {
  const command = redactor.commandLine('command', spec.command);
  const envKeys = Object.keys(spec.env).map((name) => redactor.text('env_keys', name));
  const { end, elapsedMs, timedOut } = run;
  const finished = { exit_code: end.exitCode, signal: end.signal, success: end.exitCode === 0 };
  const events: readonly RunEvent[] = [
    runStarted(spec, { command, envKeys }),
    runFinished(spec.run_id, { ...finished, window_elapsed_ms: elapsedMs }),
  ];
  draft.document(EVENTS_PATH, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  if (run.spawnError === null && !timedOut) return;
  const spawnError = run.spawnError && redactor.text('outcome', spawnErrorText(command[0] ?? '', run.spawnError));
  draft.document(OUTCOME_PATH, JSON.stringify({ spawn_error: spawnError, timed_out: timedOut }));
}

function writeInjection(draft: ArchiveDraft, { spec, redactor, injection }: FinishedRun): void {
  if (injection === undefined) return;
  const redacted = (text: string): string => redactor.text('injection', text);
  draft.document(INJECTION_PATH, JSON.stringify(injectionRecord(spec.run_id, injection, redacted)));
}

function correlationOf({ spec, ingested, run }: FinishedRun): ReturnType<typeof correlate> {
  const isProven = run.capture?.report.attribution === 'proven';
  const kernelEvents = isProven ? run.capture.normaliser.counts().lines.kernel : 0;
  return correlate(spec.run_id, { ...ingested, kernelEvents });
}

function captureRecordOf({ spec, redactor, run, ingested, perturbations }: FinishedRun): CaptureRecord {
  const { capture, requested, tier, refusals } = run;
  return captureRecord({
    runId: spec.run_id,
    requested,
    tier,
    refusals: [...refusals],
    observed: capture && { report: capture.report, counts: capture.normaliser.counts() },
    drainMs: capture?.drainMs,
    perturbations,
    logs: ingested.authors,
    redacted: (text) => redactor.text('capture', text),
  });
}

function healthOf({ spec, redactor, ingested, run }: FinishedRun, record: CaptureRecord): ObservationHealth {
  return healthOfRun({
    runId: spec.run_id,
    platform: spec.platform,
    redaction: redactor.summary(),
    capture: run.capture === undefined ? undefined : record,
    policyEvents: ingested.decisions.length,
    sdkEvents: ingested.sdkEvents,
    notes: ingested.notes,
  });
}
