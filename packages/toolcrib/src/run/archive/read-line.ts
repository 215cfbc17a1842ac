import * as z from 'zod/mini';
import { IntegrityError } from '../../core/errors.ts';
import { effectEventSchema } from '../layers/effect-event.ts';
import { kernelEventFrom, type KernelEvent } from '../layers/kernel-event.ts';
import { kernelRawEventSchema } from '../layers/kernel-raw-event.ts';
import { policyEventSchema } from '../layers/policy-event.ts';
import { runEventSchema } from '../layers/run-event.ts';
import { sdkEventSchema } from '../layers/sdk-event.ts';
import { mayHoldSecret, secretRuleIn } from '../redaction/secret-shapes.ts';
import { parseCompact } from './compact-json.ts';
import type { ArchiveContent } from './content.ts';
import type { Findings } from './findings.ts';
import type { PlainKernelEvent } from './kernel-lines.ts';
import { createRawReplay } from '../normalise/raw-replay.ts';
import { decodeText, LineError } from './lines.ts';
import { problemOf, secretText, verifyClean, verifyRunId } from './member-checks.ts';
import { EFFECTS_PATH, EVENTS_PATH, KERNEL_PATH, POLICY_PATH, RAW_PATH, SDK_PATH } from './paths.ts';

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
  content.effects.take(event.data);
  return event.data;
}

function takeRawEvent(content: ArchiveContent, parsed: unknown): LineHead | string {
  const event = z.safeParse(kernelRawEventSchema, parsed);
  if (!event.success) return problemOf(event.error);
  content.replay ??= createRawReplay(event.data.run_id);
  content.replay.take(event.data);
  return event.data;
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

/** Whether a member has lines that this version knows. */
export function hasLines(path: string): boolean {
  return LINE_TAKERS.has(path);
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
