import { readCommit, type Commit } from '../github/commits.ts';
import type { GithubRepository } from '../github/repository.ts';
import { listRunArtifacts, type RunArtifact } from '../github/run-artifacts.ts';
import { listJobs, listRunsOfCommit, type WorkflowJob, type WorkflowRun } from '../github/runs.ts';
import { notApproved, shortCommit, shown } from './demand.ts';
import { BUILD_WORKFLOW, TELLING_JOBS } from './workflows/workflow-settings.ts';

/** The run that built what was reviewed. */
export interface Build {
  readonly run: WorkflowRun;
  readonly jobs: readonly WorkflowJob[];
  readonly artifacts: ReadonlyMap<string, RunArtifact>;
  /** What it built: the head, or a commit before it from which only the sums file differs. */
  readonly commit: Commit;
}

export interface BuildSearch {
  /** The reviewed commit. */
  readonly head: string;
  /** Path of the sums file from the top of the repository. */
  readonly sumsPath: string;
  /** Names of artifacts that the run has to have. */
  readonly names: readonly string[];
  /** Undefined: the latest that has them. */
  readonly run: WorkflowRun | undefined;
}

/** So many commits that do nothing but pin are looked through. */
const MAX_STEPS = 20;

/**
 * Finds the run whose artifacts are those of a reviewed commit. A commit that only brings the sums is not built again, for
 * other builds could give other bytes: then it is the run of the commit before it.
 * @throws PolicyError `NOT_APPROVED`: `run`, `jobs`; RemoteError.
 */
export async function findBuild(repository: GithubRepository, search: BuildSearch): Promise<Build> {
  const { head, names } = search;
  const seen: WorkflowRun[] = [];
  let commit = await readCommit(repository, head);
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const builds: Build[] = [];
    for (const run of await runsAt(repository, search, commit.sha)) {
      seen.push(run);
      const artifacts = await listRunArtifacts(repository, run.id);
      if (!names.every((name) => artifacts.has(name))) continue;
      builds.push({ run, artifacts, commit, jobs: await listJobs(repository, run.id) });
    }
    const build = builds.find(({ run, jobs }) => endedWell(run, jobs)) ?? builds[0];
    if (build !== undefined) return build;
    const parent = parentOfPins(commit, search.sumsPath);
    if (parent === undefined) break;
    commit = await readCommit(repository, parent);
  }
  throw await noBuild(repository, search, seen);
}

async function runsAt(
  repository: GithubRepository,
  { run }: BuildSearch,
  commit: string,
): Promise<readonly WorkflowRun[]> {
  if (run === undefined) return await listRunsOfCommit(repository, BUILD_WORKFLOW, commit);
  return run.commit === commit ? [run] : [];
}

/** The commit before one that did nothing but write the sums file. */
function parentOfPins({ parents, files }: Commit, sumsPath: string): string | undefined {
  const [parent, second] = parents;
  const [file, other] = files ?? [];
  if (file === undefined || other !== undefined || second !== undefined) return undefined;
  return file.path === sumsPath && ['added', 'modified'].includes(file.status) ? parent : undefined;
}

const SUMS_LAST =
  'what is promoted has to be built from what was reviewed: remove the sums file, push, let CI build, and commit its sums last';

async function noBuild(
  repository: GithubRepository,
  { head, names, run }: BuildSearch,
  seen: readonly WorkflowRun[],
): Promise<Error> {
  const [latest] = seen;
  if (latest === undefined) {
    const what =
      run === undefined
        ? `no run of ${BUILD_WORKFLOW} built ${shortCommit(head)}`
        : `run ${run.id} built ${shortCommit(run.commit)}, but ${shortCommit(head)} was approved, and more than the sums differs`;
    return notApproved('run', what, 'wait for the run of the approved head, or start it again on the pull request', {
      commit: head,
    });
  }
  const jobs = await listJobs(repository, latest.id);
  verifyJobs(latest, jobs);
  const what = `${latest.url} has no artifacts ${names.join(', ')}, and more than the sums file changed since they were built`;
  return notApproved('run', what, SUMS_LAST, { run: latest.id });
}

function endedWell({ status, conclusion }: WorkflowRun, jobs: readonly WorkflowJob[]): boolean {
  if (status !== 'completed') return false;
  return conclusion === 'success' || (conclusion === 'failure' && jobs.length > 0 && failedOf(jobs).length === 0);
}

function failedOf(jobs: readonly WorkflowJob[]): readonly WorkflowJob[] {
  return jobs.filter(({ name, conclusion }) => !ENDED_WELL.includes(conclusion) && !TELLING_JOBS.includes(name));
}

/** A job that was left out made none of the artifacts, which are looked for by themselves. */
const ENDED_WELL: readonly (string | null)[] = ['success', 'skipped'];

/**
 * Demands that a run has ended and that every job of it ended well but those that tell how the others did: they say that
 * the release is not in the stores yet, which is what a promotion is for.
 * @throws PolicyError `NOT_APPROVED`: `jobs`.
 */
export function verifyJobs(run: WorkflowRun, jobs: readonly WorkflowJob[]): void {
  if (run.status !== 'completed') {
    throw notApproved(
      'jobs',
      `${run.url} has not ended: it is ${run.status}`,
      'wait until it has, then promote again',
      {
        run: run.id,
      },
    );
  }
  if (endedWell(run, jobs)) return;
  const failed = failedOf(jobs);
  const told = failed.map(
    ({ name, conclusion, url }) => `${name} (${conclusion ?? 'not run'}${url ? `, ${url}` : ''})`,
  );
  const why = told.length === 0 ? `it ended with ${run.conclusion ?? 'nothing'}` : told.join('; ');
  throw notApproved('jobs', `${run.url} did not build everything: ${why}`, 'look at the logs, mend it, push', {
    run: run.id,
    jobs: failed.map(({ name }) => shown(name)),
  });
}
