import * as z from 'zod/mini';

export const SDK_EVENT_SCHEMA = 'assay.runner.sdk_event.v0';

/** What an SDK says about a call of a tool. Both need an id and a tool. */
export const SDK_TOOL_EVENT_TYPES = ['tool_call_started', 'tool_call_completed'] as const;
/** What an SDK says about itself. */
export const SDK_RUN_EVENT_TYPES = ['run_finished', 'run_failed'] as const;

interface SdkEventHead {
  readonly schema: typeof SDK_EVENT_SCHEMA;
  readonly run_id: string;
  /** Counts from 0 without gaps. */
  readonly seq: number;
  /** Who wrote the event, in its own words. */
  readonly source: string;
  /** E.g. `@openai/agents`. */
  readonly sdk_name: string | null;
  readonly sdk_version: string | null;
}

/** A tool was called, or its call was over, as the SDK tells it. */
export interface SdkToolEvent extends SdkEventHead {
  readonly event_type: (typeof SDK_TOOL_EVENT_TYPES)[number];
  readonly tool_call_id: string;
  readonly tool: string;
}

/** The SDK's own run ended. */
export interface SdkRunEvent extends SdkEventHead {
  readonly event_type: (typeof SDK_RUN_EVENT_TYPES)[number];
  readonly tool_call_id: string | null;
  readonly tool: string | null;
}

/** A line of the SDK layer: what an agent's SDK says of itself. Nothing of it was measured. */
export type SdkEvent = SdkToolEvent | SdkRunEvent;

/** The line, without its end. */
export function formatSdkEvent(event: SdkEvent): string {
  const { schema, run_id, seq, event_type, source, sdk_name, sdk_version, tool_call_id, tool } = event;
  return JSON.stringify({ schema, run_id, seq, event_type, source, sdk_name, sdk_version, tool_call_id, tool });
}

const filled = z.string().check(z.minLength(1));
const absent = z.nullable(z.string());
const head = { schema: z.literal(SDK_EVENT_SCHEMA), run_id: z.string(), seq: z.int().check(z.minimum(0)) };
const source = { source: z.string(), sdk_name: absent, sdk_version: absent };

export const sdkEventSchema = z.discriminatedUnion('event_type', [
  z.strictObject({
    ...head,
    event_type: z.enum(SDK_TOOL_EVENT_TYPES),
    ...source,
    tool_call_id: filled,
    tool: filled,
  }),
  z.strictObject({
    ...head,
    event_type: z.enum(SDK_RUN_EVENT_TYPES),
    ...source,
    tool_call_id: absent,
    tool: absent,
  }),
]);
