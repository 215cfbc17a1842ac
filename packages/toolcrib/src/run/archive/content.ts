import * as z from 'zod/mini';
import type { Digest } from '../../core/digest.ts';
import { IntegrityError } from '../../core/errors.ts';
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
  CAPTURE_PATH,
  CORRELATION_PATH,
  COVERAGE_PATH,
  EFFECTS_PATH,
  EVENTS_PATH,
  HEALTH_PATH,
  INJECTION_PATH,
  KERNEL_PATH,
  OUTCOME_PATH,
  POLICY_PATH,
  RAW_PATH,
  SDK_PATH,
  SIGNATURE_PATH,
  SURFACE_PATH,
} from './paths.ts';
import { effectEventSchema } from '../layers/effect-event.ts';
import { kernelRawEventSchema } from '../layers/kernel-raw-event.ts';
import { kernelEventFrom, type KernelEvent } from '../layers/kernel-event.ts';
import { parseCompact } from './compact-json.ts';
import type { KernelLineReader, PlainKernelEvent } from './kernel-lines.ts';
import { decodeText, LineError } from './lines.ts';
import { policyEventSchema, type PolicyEvent } from '../layers/policy-event.ts';
import { captureRecordSchema, type CaptureRecord } from '../reports/capture-record.ts';
import { injectionSchema, type InjectionRecord } from '../reports/injection-record.ts';
import { runCoverageSchema, type RunCoverage } from '../reports/run-coverage.ts';
import { healthSchema, type ObservationHealth } from '../reports/observation-health.ts';
import { runEventSchema, type RunEvent } from '../layers/run-event.ts';
import { sdkEventSchema, type SdkEvent } from '../layers/sdk-event.ts';
import { outcomeSchema, type ArchivedOutcome } from '../run-outcome.ts';
import { mayHoldSecret, secretRuleIn } from '../redaction/secret-shapes.ts';
import { sweepJson } from '../redaction/secret-sweep.ts';

/** What the members of an archive said, as far as they could be read. */
export interface ArchiveContent {
  manifest?: ArchiveManifest;
  /** Of the manifest's bytes. */
  manifestDigest?: Digest;
  surface?: CapabilitySurface;
  correlation?: CorrelationReport;
  health?: ObservationHealth;
  outcome?: ArchivedOutcome;
  capture?: CaptureRecord;
  coverage?: RunCoverage;
  injection?: InjectionRecord;
  /** The envelope over the manifest's digest, as it stands there. */
  signature?: Uint8Array;
  /** The first few; a run has two. */
  readonly events: RunEvent[];
  readonly decisions: { readonly toolCallId: string; readonly decision: string }[];
  readonly sdkToolCalls: Set<string>;
  /** What the layers imply. */
  readonly implied: SurfaceBuilder;
  readonly lines: Map<string, number>;
  /** Values of the kernel layer that were seen, by kind: what comes again needs no second look. */
  readonly knownValues: Map<string, Set<string>>;
  /** What may still be kept of the layers, in characters. */
  readonly budget: { left: number };
  readonly visitor: ArchiveVisitor;
  /** Reads plain lines of the kernel layer; there once the manifest has been read. */
  kernelLines?: KernelLineReader;
}

/** An effect as it is read. */
export type ReadEffect = z.infer<typeof effectEventSchema>;

/** Is told the lines of the layers as they are read, valid ones alone. Nothing of it is to be believed before the end. */
export interface ArchiveVisitor {
  readonly kernel?: (event: KernelEvent) => void;
  readonly policy?: (event: PolicyEvent) => void;
  readonly sdk?: (event: SdkEvent) => void;
  readonly effect?: (event: ReadEffect) => void;
}

/** @param kept characters of the layers that may be kept: their surface and their tool calls. */
export function createArchiveContent(kept: number, visitor: ArchiveVisitor = {}): ArchiveContent {
  return {
    events: [],
    decisions: [],
    sdkToolCalls: new Set(),
    implied: createSurfaceBuilder(),
    lines: new Map(),
    knownValues: new Map(),
    budget: { left: kept },
    visitor,
  };
}

/** A line in the bytes of its member. */
export interface MemberLine {
  readonly path: string;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** The run and the place of a line in its layer. */
interface LineHead {
  readonly run_id: string;
  readonly seq: number;
}

/** Takes a line in; a text says why it does not belong. */
type LineTaker = (content: ArchiveContent, parsed: unknown) => LineHead | string;

const MAX_EVENTS = 10;
/** What a kept text costs besides its characters. */
const KEPT_OVERHEAD = 32;

function takeRunEvent(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = runEventSchema.safeParse(parsed);
  if (!event.success) return problemOf(event.error);
  if (content.events.length === MAX_EVENTS) throw new LineError(`it has more than ${MAX_EVENTS} events`);
  content.events.push(event.data);
  return event.data;
}

function takeKernelEvent(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = kernelEventFrom(parsed);
  if (typeof event === 'string') return event;
  content.visitor.kernel?.(event);
  noteValue(content, event);
  return event;
}

/** @returns whether it is new. */
function noteValue(content: ArchiveContent, { kind, value }: KernelEvent): boolean {
  if (value === null) return false;
  let known = content.knownValues.get(kind);
  if (known === undefined) content.knownValues.set(kind, (known = new Set()));
  if (known.has(value)) return false;
  spend(content, KERNEL_PATH, value);
  known.add(value);
  content.implied.addKernelEvent(kind, value);
  return true;
}

function takePolicyEvent(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = policyEventSchema.safeParse(parsed);
  if (!event.success) return problemOf(event.error);
  const { tool, tool_call_id: toolCallId, decision } = event.data;
  spend(content, POLICY_PATH, toolCallId + decision + tool);
  content.visitor.policy?.(event.data);
  content.implied.addDecision(tool, decision);
  content.decisions.push({ toolCallId, decision });
  return event.data;
}

function takeSdkEvent(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = sdkEventSchema.safeParse(parsed);
  if (!event.success) return problemOf(event.error);
  content.visitor.sdk?.(event.data);
  const { tool_call_id: id } = event.data;
  spend(content, SDK_PATH, id ?? '');
  if (id !== null) content.sdkToolCalls.add(id);
  return event.data;
}

function takeEffect(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = z.safeParse(effectEventSchema, parsed);
  if (!event.success) return problemOf(event.error);
  content.visitor.effect?.(event.data);
  return event.data;
}

function takeRawEvent(_: ArchiveContent, parsed: unknown): LineHead | string {
  const event = z.safeParse(kernelRawEventSchema, parsed);
  return event.success ? event.data : problemOf(event.error);
}

/** @throws IntegrityError `TOO_LARGE` where a hostile layer would fill the memory. */
function spend(content: ArchiveContent, path: string, text: string): void {
  content.budget.left -= text.length + KEPT_OVERHEAD;
  if (content.budget.left >= 0) return;
  throw new IntegrityError('TOO_LARGE', `${path}: it holds more different things than a surface can tell`);
}

const LINE_TAKERS: ReadonlyMap<string, LineTaker> = new Map<string, LineTaker>([
  [EVENTS_PATH, takeRunEvent],
  [KERNEL_PATH, takeKernelEvent],
  [POLICY_PATH, takePolicyEvent],
  [SDK_PATH, takeSdkEvent],
  [EFFECTS_PATH, takeEffect],
  [RAW_PATH, takeRawEvent],
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
  [CAPTURE_PATH, documentReader<CaptureRecord>(captureRecordSchema, (content, value) => (content.capture = value))],
  [COVERAGE_PATH, documentReader<RunCoverage>(runCoverageSchema, (content, value) => (content.coverage = value))],
  [INJECTION_PATH, documentReader<InjectionRecord>(injectionSchema, (content, value) => (content.injection = value))],
]);

/** How a member is read: line by line, as a document, or not at all because this version does not know it. */
export function memberShape(path: string): 'lines' | 'document' | 'signature' | 'unknown' {
  if (path === SIGNATURE_PATH) return 'signature';
  if (LINE_TAKERS.has(path)) return 'lines';
  return DOCUMENT_READERS.has(path) ? 'document' : 'unknown';
}

/**
 * Reads one line: its form, its schema, its run, its number, and whether a secret is in it.
 * @throws LineError where it is not UTF-8; IntegrityError `TOO_LARGE`.
 */
export function readLine(content: ArchiveContent, line: MemberLine, findings: Findings): void {
  const { path, bytes, start, end } = line;
  const index = content.lines.get(path) ?? 0;
  content.lines.set(path, index + 1);
  const plain = path === KERNEL_PATH ? content.kernelLines?.(bytes, start, end) : undefined;
  if (plain === undefined) readAnyLine(content, line, index, findings);
  else readPlainLine(content, plain, index, findings);
}

function readPlainLine(content: ArchiveContent, event: PlainKernelEvent, index: number, findings: Findings): void {
  if (event.seq !== index) wrongSeq(KERNEL_PATH, event.seq, index, findings);
  content.visitor.kernel?.(event);
  const isNew = !event.isRepeated && noteValue(content, event);
  const rule = (isNew ? secretIn(event.value ?? '') : undefined) ?? secretIn(event.destination);
  if (rule !== undefined) findings.add('secret', KERNEL_PATH, secretText(`line ${index + 1}`, rule));
}

function secretIn(text: string): string | undefined {
  return text !== '' && mayHoldSecret(text) ? secretRuleIn(text) : undefined;
}

function readAnyLine(content: ArchiveContent, line: MemberLine, index: number, findings: Findings): void {
  const { path } = line;
  const where = `line ${index + 1}`;
  const text = decodeText(line.bytes.subarray(line.start, line.end));
  const parsed = parseCompact(text);
  if (typeof parsed === 'string') {
    findings.add('schema', path, `${where}: ${parsed}`);
    return;
  }
  const head = LINE_TAKERS.get(path)?.(content, parsed.value) ?? 'this member has no lines';
  if (typeof head === 'string') {
    findings.add('schema', path, `${where}: ${head}`);
    return;
  }
  if (head.seq !== index) wrongSeq(path, head.seq, index, findings);
  verifyRunId(content, path, head.run_id, where, findings);
  verifyClean(path, text, parsed.value, where, findings);
}

function wrongSeq(path: string, seq: number, index: number, findings: Findings): void {
  findings.add('seq', path, `line ${index + 1}: seq is ${seq}, expected ${index}`);
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
  if (rule !== undefined) findings.add('secret', path, secretText(where, rule));
}

function secretText(where: string, rule: string): string {
  return `${where} holds something shaped like a secret (${rule})`;
}

function problemOf(error: z.core.$ZodError): string {
  return z
    .prettifyError(error)
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 300);
}
