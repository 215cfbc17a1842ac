import { hasCode, UsageError } from '../core/errors.ts';
import { listJobs, type WorkflowJob } from '../github/runs.ts';
import { failedJobs } from '../promote/build-report.ts';
import type { Host } from './host.ts';
import type { OpenedRepository } from './open-github.ts';

/** The run of GitHub Actions that this job belongs to. */
export interface OwnRun {
  readonly id: number;
  /** What a person looks at. */
  readonly url: string;
  /** Jobs of it that failed, with links to their logs. */
  readonly failed: readonly WorkflowJob[];
}

/**
 * Reads the run of this job, by what the runner says.
 * @throws UsageError `USAGE` outside of a job; RemoteError `UNREACHABLE` when GitHub cannot be asked.
 */
export async function readOwnRun(repository: OpenedRepository, host: Host): Promise<OwnRun> {
  const id = Number(host.env['GITHUB_RUN_ID']);
  if (!Number.isSafeInteger(id) || id < 1) {
    throw new UsageError('USAGE', 'this is for a job of GitHub Actions: GITHUB_RUN_ID is not set', {
      hint: 'the workflow of "toolcrib init --github" calls it',
    });
  }
  const failed = failedJobs(await jobsOf(repository, id, host));
  return { id, url: `${repository.url}/actions/runs/${id}`, failed };
}

/** Links are worth having, and no reason to fail. */
async function jobsOf(repository: OpenedRepository, run: number, { reporter }: Host): Promise<readonly WorkflowJob[]> {
  try {
    return await listJobs(repository, run);
  } catch (error) {
    if (!hasCode(error, 'REMOTE_REFUSED')) throw error;
    reporter.notice({ kind: 'warning', text: `no links to logs: ${error.message}` });
    return [];
  }
}
