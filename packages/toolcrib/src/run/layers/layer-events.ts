import * as z from 'zod/mini';

export const POLICY_EVENT_SCHEMA = 'assay.runner.policy_event.v0';
export const SDK_EVENT_SCHEMA = 'assay.runner.sdk_event.v0';

const count = z.int().check(z.minimum(0));
const filled = z.string().check(z.minLength(1));
const absent = z.nullable(z.string());

/** A line of the policy layer: what a gate decided. */
export const policyEventSchema = z.strictObject({
  schema: z.literal(POLICY_EVENT_SCHEMA),
  run_id: z.string(),
  seq: count,
  source_event_type: z.string(),
  source: z.string(),
  tool_call_id: z.string(),
  tool: z.string(),
  decision: z.string(),
});

const sdkHead = { schema: z.literal(SDK_EVENT_SCHEMA), run_id: z.string(), seq: count };
const sdkSource = { source: z.string(), sdk_name: absent, sdk_version: absent };

/** A line of the SDK layer: what the agent's SDK says of itself. Tool calls need an id and a tool. */
export const sdkEventSchema = z.discriminatedUnion('event_type', [
  z.strictObject({
    ...sdkHead,
    event_type: z.enum(['tool_call_started', 'tool_call_completed']),
    ...sdkSource,
    tool_call_id: filled,
    tool: filled,
  }),
  z.strictObject({
    ...sdkHead,
    event_type: z.enum(['run_finished', 'run_failed']),
    ...sdkSource,
    tool_call_id: absent,
    tool: absent,
  }),
]);
