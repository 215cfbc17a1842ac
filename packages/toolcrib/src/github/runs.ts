import * as z from 'zod/mini';
import '../core/schema-messages.ts';
import type { GithubRepository } from './repository.ts';

/** One run of a workflow. */
export interface WorkflowRun {
  readonly id: number;
  /** What a person looks at. */
  readonly url: string;
  readonly event: string;
  readonly status: string;
  /** Null as long as it runs. */
  readonly conclusion: string | null;
  readonly commit: string;
  readonly branch: string | null;
  /** OWNER/REPO of where the commit came from; undefined when that is gone. */
  readonly headRepository: string | undefined;
  /** Path of the workflow's file, e.g. `.github/workflows/x.yml`; undefined for one of another repository. */
  readonly workflow: string | undefined;
  /** Numbers of open pull requests from that branch, whatever started the run. */
  readonly pulls: readonly number[];
  /** The branches that these go into. */
  readonly bases: readonly string[];
}

/** One job of the latest attempt of a run. */
export interface WorkflowJob {
  readonly name: string;
  readonly conclusion: string | null;
  /** Of its log; undefined for one that never began. */
  readonly url: string | undefined;
}

const runSchema = z.object({
  id: z.int(),
  html_url: z.string(),
  event: z.string(),
  status: z.nullable(z.string()),
  conclusion: z.nullable(z.string()),
  head_sha: z.string(),
  head_branch: z.nullable(z.string()),
  head_repository: z.nullish(z.object({ full_name: z.string() })),
  path: z.string(),
  pull_requests: z.nullish(z.array(z.object({ number: z.int(), base: z.object({ ref: z.string() }) }))),
});

const runsSchema = z.object({ workflow_runs: z.array(runSchema) });
const jobsSchema = z.object({
  jobs: z.array(z.object({ name: z.string(), conclusion: z.nullable(z.string()), html_url: z.nullable(z.string()) })),
});

const READ_ACTIONS = 'actions: read';

/** @throws RemoteError as `Github.request`, also when there is no such run. */
export async function readRun(repository: GithubRepository, id: number): Promise<WorkflowRun> {
  const { github, owner, repo, signal } = repository;
  const parameters = { owner, repo, run_id: id };
  const needs = { needs: READ_ACTIONS, signal };
  const run = await github.request('GET /repos/{owner}/{repo}/actions/runs/{run_id}', parameters, runSchema, needs);
  return runFrom(run, repository);
}

/**
 * Runs of a workflow that a pull request started at a commit, the newest first. No more than a hundred are looked at.
 * @param file name of the workflow's file, e.g. `x.yml`.
 */
export async function listRunsOfCommit(
  repository: GithubRepository,
  file: string,
  commit: string,
): Promise<readonly WorkflowRun[]> {
  const { github, owner, repo, signal } = repository;
  const reply = await github.ask(
    'GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs',
    { owner, repo, workflow_id: file, head_sha: commit, event: 'pull_request', per_page: 100 },
    runsSchema,
    { needs: READ_ACTIONS, signal },
  );
  // A workflow that never ran is not known by its file.
  if (reply.kind === 'missing') return [];
  if (reply.kind === 'invalid') throw reply.refusal;
  // What was asked for is not believed to be what came.
  const runs = reply.data.workflow_runs.filter((run) => run.head_sha === commit && run.event === 'pull_request');
  return runs.map((run) => runFrom(run, repository)).sort((a, b) => b.id - a.id);
}

/** The jobs of a run's latest attempt. */
export async function listJobs(
  { github, owner, repo, signal }: GithubRepository,
  run: number,
): Promise<readonly WorkflowJob[]> {
  const jobs: WorkflowJob[] = [];
  const pages = github.pages(
    'GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs',
    { owner, repo, run_id: run, filter: 'latest', per_page: 100 },
    jobsSchema,
    { needs: READ_ACTIONS, signal },
  );
  for await (const page of pages) {
    for (const { name, conclusion, html_url } of page.jobs) {
      jobs.push({ name, conclusion, url: html_url ?? undefined });
    }
  }
  return jobs;
}

function runFrom(run: z.infer<typeof runSchema>, repository: GithubRepository): WorkflowRun {
  return {
    id: run.id,
    url: run.html_url,
    event: run.event,
    status: run.status ?? 'unknown',
    conclusion: run.conclusion,
    commit: run.head_sha,
    branch: run.head_branch,
    headRepository: run.head_repository?.full_name,
    workflow: workflowPath(run.path, repository),
    pulls: (run.pull_requests ?? []).map(({ number }) => number),
    bases: (run.pull_requests ?? []).map(({ base }) => base.ref),
  };
}

/** `.github/workflows/x.yml`, also with a repository before it and a ref after it: both forms are in GitHub's description. */
function workflowPath(path: string, { owner, repo }: GithubRepository): string | undefined {
  const whole = path.replace(/@.*$/s, '');
  const prefix = `${owner}/${repo}/`.toLowerCase();
  const own = whole.toLowerCase().startsWith(prefix) ? whole.slice(prefix.length) : whole;
  return own.startsWith('.github/workflows/') ? own : undefined;
}
