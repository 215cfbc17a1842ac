import { hasCode, ToolcribError, UsageError } from '../core/errors.ts';
import { keepComment, type CommentOutcome } from '../github/comments.ts';
import { listJobs, type WorkflowJob } from '../github/runs.ts';
import { buildStateOf, failedJobs, parseNeeds, type BuildState } from '../promote/build-report.ts';
import {
  commentMarker,
  describeBuildReport,
  describeDenied,
  type BuildReportFacts,
} from '../report/build-report-text.ts';
import { checkMerge, type MergeCheck } from './check-merge.ts';
import { appendStepSummary } from './github-files.ts';
import type { Host } from './host.ts';
import { openProjectRepository, type OpenedRepository } from './open-github.ts';
import { configOf, type Project } from './project.ts';

/** What the last job of the build workflow found, and where it told it. */
export interface BuildReport {
  readonly state: BuildState;
  readonly passed: boolean;
  readonly failed: readonly WorkflowJob[];
  readonly check: MergeCheck | null;
  readonly comment: CommentOutcome;
}

/**
 * Reports a run of the build workflow, from within it: asks the merge gate again, tells in the step summary what was
 * built and what is to be done, and keeps one comment on the pull request where the token may.
 * @returns also when something failed: `passed` is the status that is required.
 * @throws UsageError `USAGE` outside of the workflow; RemoteError `UNREACHABLE` when GitHub cannot be asked.
 */
export async function reportBuild(project: Project, host: Host): Promise<BuildReport> {
  const config = configOf(project, 'ci report');
  const results = parseNeeds(host.env['TOOLCRIB_NEEDS'] ?? '');
  const state = buildStateOf(results);
  const gate = await askGate(project, host);
  const repository = await openProjectRepository(host, config.folder, { name: undefined, rewrite: config.rewrite });
  try {
    const run = runOf(host, repository);
    const failed = failedJobs(await jobsOf(repository, run.id, host));
    const passed = state !== 'failed' && gate.check?.verdict === 'ok';
    const { tool } = config;
    const version = gate.check?.head.version ?? null;
    const facts: BuildReportFacts = { tool, version, state, run, failed, passed, ...gate };
    const isNews = state !== 'none' || gate.check?.changed === true;
    const comment = await tell(repository, host, facts, isNews);
    return { state, passed, failed, check: gate.check, comment };
  } finally {
    await repository.close();
  }
}

type Gate = { readonly check: MergeCheck; readonly problem: null } | { readonly check: null; readonly problem: string };

async function askGate(project: Project, host: Host): Promise<Gate> {
  try {
    return { check: await checkMerge(project, host), problem: null };
  } catch (error) {
    host.signal?.throwIfAborted();
    if (!(error instanceof ToolcribError)) throw error;
    return { check: null, problem: error.message };
  }
}

function runOf({ env }: Host, { url }: OpenedRepository): { id: number; url: string } {
  const id = Number(env['GITHUB_RUN_ID']);
  if (Number.isSafeInteger(id) && id > 0) return { id, url: `${url}/actions/runs/${id}` };
  throw new UsageError('USAGE', 'ci report is for a job of GitHub Actions: GITHUB_RUN_ID is not set', {
    hint: 'the workflow of "toolcrib init --github" calls it',
  });
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

async function tell(
  repository: OpenedRepository,
  host: Host,
  facts: BuildReportFacts,
  isNews: boolean,
): Promise<CommentOutcome> {
  const text = describeBuildReport(facts);
  await appendStepSummary(host, text);
  const pull = Number(host.env['TOOLCRIB_PULL_REQUEST'] ?? '');
  if (!Number.isSafeInteger(pull) || pull < 1) return { kind: 'none' };
  const comment = await keepComment(repository, pull, commentMarker(facts.tool), text, { create: isNews });
  if (comment.kind === 'denied') await appendStepSummary(host, describeDenied(comment.reason));
  return comment;
}
