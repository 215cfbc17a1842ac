import { hasCode, UsageError } from '../../core/errors.ts';
import {
  SDK_EVENT_SCHEMA,
  SDK_RUN_EVENT_TYPES,
  SDK_TOOL_EVENT_TYPES,
  type SdkEvent,
  type SdkToolEvent,
} from '../layers/sdk-event.ts';
import type { Redactor } from '../redaction/redactor.ts';
import { fieldsOf, shown, type LogFields } from './log-field.ts';
import type { IngestOptions } from './policy-log.ts';
import { readRunLog, runLogError, type RunLog, type RunLogLine } from './run-log.ts';

/** How an SDK log becomes a layer. */
export interface SdkIngestOptions extends IngestOptions {
  /** Of the run's spec. With `none`, an SDK log is an error. */
  readonly agentShim: string;
  /**
   * Whether no event is no error, nor a file that is not there: for a log that nobody named, because toolcrib made the
   * place for its own shim. The command may not have used the SDK at all. Default: false.
   */
  readonly mayBeEmpty?: boolean;
}

/**
 * Reads what an agent's SDK wrote about itself (`assay.runner.sdk_event.v0`, one a line) as the SDK layer of a run.
 * Events come one after another, redacted, while the file is read. When it throws, what came before is no layer.
 *
 * For each event: a line of the layer (`formatSdkEvent`), and its `tool_call_id`, unless null, into the set of tool calls
 * for `correlate`. For all of them, when there was one: {@link sdkCaptureNote}, and `sdk_layer: self_reported`.
 *
 * `seq` counts from 0 without gaps. Where several processes of one run append to one log, a line has a field `writer`,
 * and each writer counts its own lines; lines without it count together. In the layer they count on, in the order of the
 * file, which is the order in which they were written.
 * @param path read when the run is over.
 * @throws UsageError `RUN_LOG_INVALID` for the first thing that is wrong, by line and field, and for a log without an
 * event; `USAGE` as {@link verifySdkLogHasShim}; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`, also for a pipe; the
 * signal's reason.
 */
export async function* ingestSdkLog(path: string, options: SdkIngestOptions): AsyncGenerator<SdkEvent> {
  const { runId, redactor, signal, agentShim, mayBeEmpty = false } = options;
  verifySdkLogHasShim(agentShim);
  const log: RunLog = { name: 'SDK log', path };
  const verifySeq = createSeqCheck();
  let seq = 0;
  for await (const line of mayBeEmpty ? linesIfThere(log, signal) : readRunLog(log, { signal })) {
    const fields = fieldsOf(line);
    const event = eventIn(fields, { runId, seq });
    verifySeq(fields);
    yield redacted(event, redactor);
    seq += 1;
  }
  if (seq === 0 && !mayBeEmpty) throw runLogError(log, 'has no event', { hint: 'the SDK or its shim writes it' });
}

/** The note of observation health on how many events were consumed, and how many different tool calls they tell of. */
export function sdkCaptureNote(events: number, toolCalls: number): string {
  return `s5_sdk_capture: sdk_events=${events} sdk_tool_calls=${toolCalls}`;
}

/**
 * Looks before a run at what could only fail after it: a run without a shim has no SDK that could tell anything.
 * @throws UsageError `USAGE`.
 */
export function verifySdkLogHasShim(agentShim: string): void {
  if (agentShim !== 'none') return;
  throw new UsageError('USAGE', 'an SDK log needs an agent shim, the run has none', {
    hint: 'say which SDK writes it: --agent-shim openai-agents or gemini-google-genai',
  });
}

/** Lines of a log that may not be there. */
async function* linesIfThere(log: RunLog, signal: AbortSignal | undefined): AsyncGenerator<RunLogLine> {
  try {
    yield* readRunLog(log, { signal });
  } catch (error) {
    if (!hasCode(error, 'NOT_FOUND')) throw error;
  }
}

function eventIn(fields: LogFields, { runId, seq }: { readonly runId: string; readonly seq: number }): SdkEvent {
  fields.literal('schema', SDK_EVENT_SCHEMA);
  verifyRun(fields, runId);
  const head = { schema: SDK_EVENT_SCHEMA, run_id: runId, seq } as const;
  const type = fields.text('event_type');
  const toolType = SDK_TOOL_EVENT_TYPES.find((known) => known === type);
  const runType = SDK_RUN_EVENT_TYPES.find((known) => known === type);
  if (toolType !== undefined) {
    const call = { tool_call_id: fields.text('tool_call_id'), tool: fields.text('tool') };
    return { ...head, event_type: toolType, ...sourceIn(fields), ...call };
  }
  if (runType === undefined) throw fields.error('event_type', `${shown(type)} is not known`);
  const call = { tool_call_id: fields.optionalText('tool_call_id'), tool: fields.optionalText('tool') };
  return { ...head, event_type: runType, ...sourceIn(fields), ...call };
}

function verifyRun(fields: LogFields, runId: string): void {
  const told = fields.text('run_id');
  if (told === runId) return;
  const problem = `is ${shown(told)}, this run is ${runId}: it is the log of another run`;
  throw fields.error('run_id', problem, 'events are added to what is there: name a new file for each run');
}

function sourceIn(fields: LogFields): Pick<SdkEvent, 'source' | 'sdk_name' | 'sdk_version'> {
  return {
    source: fields.text('source'),
    sdk_name: fields.optionalText('sdk_name'),
    sdk_version: fields.optionalText('sdk_version'),
  };
}

/** @throws UsageError `RUN_LOG_INVALID` unless the line is the next one of its writer. */
type SeqCheck = (fields: LogFields) => void;

function createSeqCheck(): SeqCheck {
  const next = new Map<string | null, number>();
  return (fields) => {
    const writer = fields.optionalText('writer');
    const expected = next.get(writer) ?? 0;
    const seq = fields.count('seq');
    if (seq !== expected) throw fields.error('seq', `is ${seq}, expected ${expected}`);
    next.set(writer, expected + 1);
  };
}

function redacted(event: SdkEvent, redactor: Redactor): SdkEvent {
  const text = (field: string, value: string): string => redactor.text(field, value);
  const maybe = (field: string, value: string | null): string | null => (value === null ? null : text(field, value));
  const source = {
    source: text('source', event.source),
    sdk_name: maybe('sdk_name', event.sdk_name),
    sdk_version: maybe('sdk_version', event.sdk_version),
  };
  if (isToolEvent(event)) {
    return {
      ...event,
      ...source,
      tool_call_id: text('tool_call_id', event.tool_call_id),
      tool: text('tool', event.tool),
    };
  }
  return {
    ...event,
    ...source,
    tool_call_id: maybe('tool_call_id', event.tool_call_id),
    tool: maybe('tool', event.tool),
  };
}

function isToolEvent(event: SdkEvent): event is SdkToolEvent {
  return SDK_TOOL_EVENT_TYPES.some((type) => type === event.event_type);
}
