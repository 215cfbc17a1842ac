import type { RepositoryFile } from '../github/commits.ts';
import type { WorkflowRun } from '../github/runs.ts';
import { notApproved, shortCommit, shown, type Demand } from './demand.ts';
import { BUILD_WORKFLOW, WORKFLOW_FOLDER } from './workflows/workflow-settings.ts';

/** Path of the workflow that builds, from the top of the repository. */
export const BUILD_WORKFLOW_PATH = `${WORKFLOW_FOLDER}/${BUILD_WORKFLOW}`;

/**
 * Demands that a run is one whose artifacts can be trusted as far as its sources are: of the build workflow, started by a
 * pull request, from this repository.
 * @param repository OWNER/REPO.
 * @throws PolicyError `NOT_APPROVED`: `fork`, `origin`.
 */
export function verifyRun(run: WorkflowRun, repository: string): void {
  const refuse = (demand: Demand, what: string, hint: string): Error =>
    notApproved(demand, `run ${run.id} ${what}`, hint, { run: run.id });
  if (run.headRepository?.toLowerCase() !== repository.toLowerCase()) {
    const from = run.headRepository ?? 'a repository that is gone';
    throw refuse(
      'fork',
      `built ${shown(from)}: artifacts of a fork are never trusted`,
      'build it again with --rebuild',
    );
  }
  if (run.workflow !== BUILD_WORKFLOW_PATH) {
    const of = run.workflow ?? 'a workflow of another repository';
    throw refuse('origin', `is of ${shown(of)}, not of ${BUILD_WORKFLOW_PATH}`, 'name a run of "Build tool support"');
  }
  if (run.event !== 'pull_request') {
    throw refuse(
      'origin',
      `was started by ${shown(run.event)}, not by a pull request`,
      'name the run of a pull request',
    );
  }
}

/**
 * Demands that what ran is what the base branch says is to run.
 * @throws PolicyError `NOT_APPROVED`: `workflow`.
 */
export function verifyWorkflow(
  commit: string,
  baseBranch: string,
  ran: RepositoryFile | undefined,
  base: RepositoryFile | undefined,
): void {
  if (ran !== undefined && ran.blob === base?.blob) return;
  const [what, hint] =
    base === undefined
      ? [`${baseBranch} has no ${BUILD_WORKFLOW_PATH}`, 'merge the workflow first, in a pull request of its own']
      : [
          `${BUILD_WORKFLOW_PATH} at ${shortCommit(commit)} is not what it is on ${baseBranch}`,
          `merge the change of the workflow first, or bring the pull request up to date with ${baseBranch}; then build again`,
        ];
  throw notApproved('workflow', what, hint, { commit });
}
