import * as z from 'zod/mini';
import { messageOf } from '../../core/errors.ts';
import {
  createSurfaceBuilder,
  surfaceSchema,
  type CapabilitySurface,
  type SurfaceBuilder,
} from '../reports/capability-surface.ts';
import { correlationSchema, type CorrelationReport } from '../reports/correlation-report.ts';
import type { Findings } from './findings.ts';
import type { ArchiveManifest } from './manifest.ts';
import {
  CORRELATION_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  KERNEL_PATH,
  OUTCOME_PATH,
  POLICY_PATH,
  SDK_PATH,
  SURFACE_PATH,
} from './paths.ts';
import { kernelEventFrom } from '../layers/kernel-event.ts';
import { policyEventSchema } from '../layers/policy-event.ts';
import { healthSchema, type ObservationHealth } from '../reports/observation-health.ts';
import { runEventSchema, type RunEvent } from '../layers/run-event.ts';
import { sdkEventSchema } from '../layers/sdk-event.ts';
import { outcomeSchema, type ArchivedOutcome } from '../run-outcome.ts';
import { sweepJson } from '../redaction/secret-sweep.ts';

/** What the members of an archive said, as far as they could be read. */
export interface ArchiveContent {
  manifest?: ArchiveManifest;
  surface?: CapabilitySurface;
  correlation?: CorrelationReport;
  health?: ObservationHealth;
  outcome?: ArchivedOutcome;
  /** The first few; a run has two. */
  readonly events: RunEvent[];
  readonly decisions: { readonly toolCallId: string; readonly decision: string }[];
  readonly sdkToolCalls: Set<string>;
  /** What the layers imply. */
  readonly implied: SurfaceBuilder;
  readonly lines: Map<string, number>;
}

export function createArchiveContent(): ArchiveContent {
  return {
    events: [],
    decisions: [],
    sdkToolCalls: new Set(),
    implied: createSurfaceBuilder(),
    lines: new Map(),
  };
}

/** The run and the place of a line in its layer. */
interface LineHead {
  readonly run_id: string;
  readonly seq: number;
}

/** Takes a line in; a text says why it does not belong. */
type LineReader = (content: ArchiveContent, parsed: unknown) => LineHead | string;

const MAX_EVENTS = 10;

const LINE_READERS: ReadonlyMap<string, LineReader> = new Map<string, LineReader>([
  [
    EVENTS_PATH,
    (content, parsed) => {
      const event = runEventSchema.safeParse(parsed);
      if (!event.success) return problemOf(event.error);
      if (content.events.length < MAX_EVENTS) content.events.push(event.data);
      return event.data;
    },
  ],
  [
    KERNEL_PATH,
    (content, parsed) => {
      const event = kernelEventFrom(parsed);
      if (typeof event !== 'string') content.implied.addKernelEvent(event.kind, event.value);
      return event;
    },
  ],
  [
    POLICY_PATH,
    (content, parsed) => {
      const event = policyEventSchema.safeParse(parsed);
      if (!event.success) return problemOf(event.error);
      const { tool, tool_call_id: toolCallId, decision } = event.data;
      content.implied.addDecision(tool, decision);
      content.decisions.push({ toolCallId, decision });
      return event.data;
    },
  ],
  [
    SDK_PATH,
    (content, parsed) => {
      const event = sdkEventSchema.safeParse(parsed);
      if (!event.success) return problemOf(event.error);
      if (event.data.tool_call_id !== null) content.sdkToolCalls.add(event.data.tool_call_id);
      return event.data;
    },
  ],
]);

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
]);

/** How a member is read: line by line, as a document, or not at all because this version does not know it. */
export function memberShape(path: string): 'lines' | 'document' | 'unknown' {
  if (LINE_READERS.has(path)) return 'lines';
  return DOCUMENT_READERS.has(path) ? 'document' : 'unknown';
}

/** Reads one line: its form, its schema, its run, its number, and whether a secret is in it. */
export function readLine(content: ArchiveContent, path: string, text: string, findings: Findings): void {
  const index = content.lines.get(path) ?? 0;
  content.lines.set(path, index + 1);
  const where = `line ${index + 1}`;
  const parsed = parseCompact(text);
  if (typeof parsed === 'string') {
    findings.add('schema', path, `${where}: ${parsed}`);
    return;
  }
  const head = LINE_READERS.get(path)?.(content, parsed.value) ?? 'this member has no lines';
  if (typeof head === 'string') {
    findings.add('schema', path, `${where}: ${head}`);
    return;
  }
  if (head.seq !== index) findings.add('seq', path, `${where}: seq is ${head.seq}, expected ${index}`);
  verifyRunId(content, path, head.run_id, where, findings);
  verifyClean(path, text, parsed.value, where, findings);
}

/** Reads one document like {@link readLine}. */
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

function verifyRunId(content: ArchiveContent, path: string, runId: string, where: string, findings: Findings): void {
  const expected = content.manifest?.run_id;
  if (expected === undefined || runId === expected) return;
  const told = `${where} has the run id ${JSON.stringify(runId.slice(0, 100))}`;
  findings.add('run_id', path, `${told}, the manifest has ${JSON.stringify(expected.slice(0, 100))}`);
}

function verifyClean(path: string, text: string, parsed: unknown, where: string, findings: Findings): void {
  const rule = sweepJson(text, parsed);
  if (rule !== undefined) findings.add('secret', path, `${where} holds something shaped like a secret (${rule})`);
}

/**
 * Parses compact JSON. What would be written differently (blanks, repeated keys, needless escapes) could be read
 * differently by another reader.
 * @returns a text that says what is wrong.
 */
export function parseCompact(text: string): { readonly value: unknown } | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `it is not JSON: ${messageOf(error).slice(0, 100)}`;
  }
  return JSON.stringify(value) === text ? { value } : 'it is not compact JSON, or a key is repeated';
}

function problemOf(error: z.core.$ZodError): string {
  return z
    .prettifyError(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 300);
}
