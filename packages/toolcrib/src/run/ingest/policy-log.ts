import { POLICY_EVENT_SCHEMA, type PolicyEvent } from '../layers/policy-event.ts';
import type { Redactor } from '../redaction/redactor.ts';
import { fieldsOf } from './log-field.ts';
import { readRunLog, runLogError, type LogReading, type RunLog, type RunLogLine } from './run-log.ts';

/** The only type of event that a decision log has. */
const DECISION_TYPE = 'assay.tool.decision';

/** How a log becomes a layer. */
export interface IngestOptions {
  readonly runId: string;
  /** Every text that comes from the log goes through it. */
  readonly redactor: Redactor;
  readonly signal?: AbortSignal | undefined;
  readonly onSight?: LogReading['onSight'];
}

/**
 * Reads the decision log of a gate (CloudEvents of type `assay.tool.decision`, one a line) as the policy layer of a run.
 * Events come one after another, redacted, while the file is read: memory does not grow with them. When it throws, what
 * came before is no layer: the archive then has none.
 *
 * For each event: a line of the layer (`formatPolicyEvent`), `addDecision` of the surface, a decision for `correlate`.
 * For all of them: {@link policyCaptureNote} among the notes of observation health, and `policy_layer: present`.
 * @param path read when the run is over. It may still grow; what is there at that moment counts.
 * @throws UsageError `RUN_LOG_INVALID` for the first thing that is wrong, by line and field, and for a log without an
 * event; NotFoundError `NOT_FOUND`; RemoteError `STORAGE`, also for a pipe; the signal's reason.
 */
export async function* ingestPolicyLog(
  path: string,
  { runId, redactor, signal, onSight }: IngestOptions,
): AsyncGenerator<PolicyEvent> {
  const log: RunLog = { name: 'policy log', path };
  let seq = 0;
  for await (const line of readRunLog(log, { signal, onSight })) {
    yield redacted(decisionIn(line), { runId, seq, redactor });
    seq += 1;
  }
  if (seq === 0) throw runLogError(log, 'has no decision', { hint: 'name the log that the gate of this run wrote' });
}

/** The note of observation health on how many decisions were consumed. */
export function policyCaptureNote(events: number): string {
  return `s4_policy_capture: decision_events=${events}`;
}

type Decision = Pick<PolicyEvent, 'source' | 'tool_call_id' | 'tool' | 'decision'>;

function decisionIn(line: RunLogLine): Decision {
  const fields = fieldsOf(line);
  fields.literal('type', DECISION_TYPE);
  fields.object('data');
  return {
    source: fields.text('source'),
    tool: fields.text('data.tool'),
    tool_call_id: fields.text('data.tool_call_id'),
    decision: fields.text('data.decision'),
  };
}

function redacted(
  { source, tool_call_id, tool, decision }: Decision,
  { runId, seq, redactor }: { readonly runId: string; readonly seq: number; readonly redactor: Redactor },
): PolicyEvent {
  return {
    schema: POLICY_EVENT_SCHEMA,
    run_id: runId,
    seq,
    source_event_type: DECISION_TYPE,
    source: redactor.text('source', source),
    tool_call_id: redactor.text('tool_call_id', tool_call_id),
    tool: redactor.text('tool', tool),
    decision: redactor.text('decision', decision),
  };
}
