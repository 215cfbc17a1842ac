import * as z from 'zod/mini';

/** `toolcrib/outcome.json`. */
export const outcomeSchema = z.strictObject({
  /** Why nothing was started; null when something was. */
  spawn_error: z.nullable(z.string()),
  timed_out: z.boolean(),
});

export type ArchivedOutcome = z.infer<typeof outcomeSchema>;
