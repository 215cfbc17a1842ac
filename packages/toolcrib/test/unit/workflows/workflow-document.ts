import { parse } from 'yaml';
import * as z from 'zod/mini';

const record = <T extends z.core.$ZodType>(value: T) => z._default(z.record(z.string(), value), {});

const stepSchema = z.object({
  id: z.optional(z.string()),
  name: z.optional(z.string()),
  if: z.optional(z.string()),
  run: z.optional(z.string()),
  uses: z.optional(z.string()),
  'working-directory': z.optional(z.string()),
  'continue-on-error': z._default(z.boolean(), false),
  env: record(z.string()),
  with: record(z.union([z.string(), z.number(), z.boolean()])),
});

const jobSchema = z.object({
  name: z.string(),
  needs: z.optional(z.union([z.string(), z.array(z.string())])),
  if: z.optional(z.string()),
  environment: z.optional(z.string()),
  permissions: z.record(z.string(), z.string()),
  outputs: record(z.string()),
  strategy: z.optional(z.unknown()),
  'timeout-minutes': z.number(),
  steps: z.array(stepSchema),
});

const workflowSchema = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions: z.record(z.string(), z.string()),
  defaults: z.object({ run: z.record(z.string(), z.string()) }),
  jobs: z.record(z.string(), jobSchema),
});

/** A workflow as it stands in its file: expressions are texts. */
export type Workflow = z.infer<typeof workflowSchema>;
export type Job = z.infer<typeof jobSchema>;
export type Step = z.infer<typeof stepSchema>;

/** Reads a workflow. @throws when it has not the shape of one. */
export function readWorkflow(text: string): Workflow {
  return workflowSchema.parse(parse(text));
}
