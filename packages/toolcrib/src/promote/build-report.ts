import * as z from 'zod/mini';
import { messageOf, UsageError } from '../core/errors.ts';
import '../core/schema-messages.ts';
import type { WorkflowJob } from '../github/runs.ts';
import { TELLING_JOBS } from './workflows/workflow-settings.ts';

/** How a job of the workflow ended, as GitHub tells the jobs that wait for it. */
export type JobResult = 'success' | 'failure' | 'cancelled' | 'skipped';

/** How the jobs before the last one ended. */
export interface JobResults {
  readonly detect: JobResult;
  readonly build: JobResult;
  readonly sums: JobResult;
}

const result = z.object({ result: z.enum(['success', 'failure', 'cancelled', 'skipped']) });
const needsSchema = z.object({ detect: result, build: result, sums: result });

/** @param text JSON of the context `needs` of GitHub Actions. @throws UsageError `USAGE`. */
export function parseNeeds(text: string): JobResults {
  const needs = needsSchema.safeParse(jsonOf(text));
  if (!needs.success) {
    throw new UsageError('USAGE', `TOOLCRIB_NEEDS is not what a workflow says: ${z.prettifyError(needs.error)}`, {
      hint: 'set it to ${{ toJSON(needs) }}, as the workflow of "toolcrib init --github" does',
    });
  }
  const { detect, build, sums } = needs.data;
  return { detect: detect.result, build: build.result, sums: sums.result };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError('USAGE', `TOOLCRIB_NEEDS is not JSON: ${messageOf(error)}`, {
      hint: 'set it to ${{ toJSON(needs) }}',
    });
  }
}

/** What became of the build: `none` was needed, or it was made, or something of it failed. */
export type BuildState = 'none' | 'built' | 'failed';

/** A part that failed makes the whole failed. */
export function buildStateOf({ detect, build, sums }: JobResults): BuildState {
  if ([detect, build, sums].some((each) => each === 'failure' || each === 'cancelled')) return 'failed';
  if (detect !== 'success') return 'failed';
  return build === 'success' && sums === 'success' ? 'built' : 'none';
}

/** The jobs that failed, by the latest attempt: their names say the architecture. */
export function failedJobs(jobs: readonly WorkflowJob[]): readonly WorkflowJob[] {
  return jobs.filter(
    ({ name, conclusion }) =>
      !TELLING_JOBS.includes(name) && ['failure', 'cancelled', 'timed_out'].includes(conclusion ?? ''),
  );
}
