import * as z from 'zod/mini';
import { surfaceSchema, type CapabilitySurface } from '../reports/capability-surface.ts';
import { captureRecordSchema, type CaptureRecord } from '../reports/capture-record.ts';
import { correlationSchema, type CorrelationReport } from '../reports/correlation-report.ts';
import { injectionSchema, type InjectionRecord } from '../reports/injection-record.ts';
import { healthSchema, type ObservationHealth } from '../reports/observation-health.ts';
import { runCoverageSchema, type RunCoverage } from '../reports/run-coverage.ts';
import { outcomeSchema, type ArchivedOutcome } from '../run-outcome.ts';
import { parseCompact } from './compact-json.ts';
import type { ArchiveContent } from './content.ts';
import type { Findings } from './findings.ts';
import { problemOf, verifyClean, verifyRunId } from './member-checks.ts';
import {
  CAPTURE_PATH,
  CORRELATION_PATH,
  COVERAGE_PATH,
  HEALTH_PATH,
  INJECTION_PATH,
  OUTCOME_PATH,
  SURFACE_PATH,
} from './paths.ts';

/** Takes a document in; a text says why it is not one. The run id is undefined where the document has none. */
type DocumentReader = (content: ArchiveContent, parsed: unknown) => { readonly run_id?: string } | string;

function documentReader<T extends { readonly run_id?: string }>(
  schema: z.core.$ZodType<T>,
  keep: (content: ArchiveContent, value: T) => void,
): DocumentReader {
  return (content, parsed) => {
    const result = z.safeParse(schema, parsed);
    if (!result.success) return problemOf(result.error);
    keep(content, result.data);
    return result.data;
  };
}

const DOCUMENT_READERS: ReadonlyMap<string, DocumentReader> = new Map([
  [SURFACE_PATH, documentReader<CapabilitySurface>(surfaceSchema, (content, value) => (content.surface = value))],
  [
    CORRELATION_PATH,
    documentReader<CorrelationReport>(correlationSchema, (content, value) => (content.correlation = value)),
  ],
  [HEALTH_PATH, documentReader<ObservationHealth>(healthSchema, (content, value) => (content.health = value))],
  [
    OUTCOME_PATH,
    documentReader<ArchivedOutcome & { run_id?: string }>(outcomeSchema, (content, value) => (content.outcome = value)),
  ],
  [CAPTURE_PATH, documentReader<CaptureRecord>(captureRecordSchema, (content, value) => (content.capture = value))],
  [COVERAGE_PATH, documentReader<RunCoverage>(runCoverageSchema, (content, value) => (content.coverage = value))],
  [INJECTION_PATH, documentReader<InjectionRecord>(injectionSchema, (content, value) => (content.injection = value))],
]);

/** Whether a member is a document that this version knows. */
export function isDocument(path: string): boolean {
  return DOCUMENT_READERS.has(path);
}

/** Reads one document: its form, its schema, its run, and whether a secret is in it. */
export function readDocument(content: ArchiveContent, path: string, text: string, findings: Findings): void {
  const parsed = parseCompact(text);
  if (typeof parsed === 'string') {
    findings.add('schema', path, parsed);
    return;
  }
  const head = DOCUMENT_READERS.get(path)?.(content, parsed.value) ?? 'this member is no document';
  if (typeof head === 'string') {
    findings.add('schema', path, head);
    return;
  }
  if (head.run_id !== undefined) verifyRunId(content, path, head.run_id, 'it', findings);
  verifyClean(path, text, parsed.value, 'it', findings);
}
