import * as z from 'zod/mini';

export const POLICY_EVENT_SCHEMA = 'assay.runner.policy_event.v0';

/** A line of the policy layer: what a gate decided about a call of a tool. */
export interface PolicyEvent {
  readonly schema: typeof POLICY_EVENT_SCHEMA;
  readonly run_id: string;
  /** Counts from 0 without gaps. */
  readonly seq: number;
  /** What the event was in the log that it comes from. */
  readonly source_event_type: string;
  /** Who says so: a URI reference of the gate. */
  readonly source: string;
  readonly tool_call_id: string;
  readonly tool: string;
  /** In the gate's own word, e.g. `allow`. */
  readonly decision: string;
}

/** The line, without its end. */
export function formatPolicyEvent(event: PolicyEvent): string {
  const { schema, run_id, seq, source_event_type, source, tool_call_id, tool, decision } = event;
  return JSON.stringify({ schema, run_id, seq, source_event_type, source, tool_call_id, tool, decision });
}

export const policyEventSchema = z.strictObject({
  schema: z.literal(POLICY_EVENT_SCHEMA),
  run_id: z.string(),
  seq: z.int().check(z.minimum(0)),
  source_event_type: z.string(),
  source: z.string(),
  tool_call_id: z.string(),
  tool: z.string(),
  decision: z.string(),
});
