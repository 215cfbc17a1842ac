import { listPullEvents, listPullsFrom, listPullsOfCommit, type PullRequest } from '../github/pulls.ts';
import type { GithubRepository } from '../github/repository.ts';
import type { WorkflowRun } from '../github/runs.ts';
import { notApproved, shown } from './demand.ts';

/** So many pull requests are asked for what happened to them. */
const MAX_PULLS = 20;

/** Events that give a pull request another base (GitHub's documentation, "Issue event types"). */
const RETARGETED: readonly string[] = ['base_ref_changed', 'automatic_base_change_succeeded'];

/**
 * Demands that a run can have taken its workflow from the base branch only. A run for a pull request takes it from the
 * merge of the head with the base that this pull request had then, and GitHub does not say which that was. So every pull
 * request that may have started it, closed ones too, has to go into the base of the one that is promoted, and none may ever
 * have gone into another.
 * @param pull goes into the base branch, and is of this repository.
 * @throws PolicyError `NOT_APPROVED`: `run-base`, also when it cannot be told; RemoteError.
 */
export async function verifyBases(repository: GithubRepository, run: WorkflowRun, pull: PullRequest): Promise<void> {
  const base = pull.base.ref;
  if (run.branch !== pull.head.ref) {
    throw refused(run, `is of the branch ${shown(run.branch ?? 'nobody knows')}, not of ${shown(pull.head.ref)}`);
  }
  const other = run.bases.find((each) => each !== base);
  if (other !== undefined) throw refused(run, `is of a pull request into ${shown(other)}, not into ${base}`);
  const pulls = await pullsOf(repository, run, pull);
  for (const [number, into] of pulls) {
    if (into !== base)
      throw refused(run, `may be of pull request ${number}, which goes into ${shown(into)}, not ${base}`);
  }
  for (const number of pulls.keys()) {
    const events = await listPullEvents(repository, number);
    if (!events.some((event) => RETARGETED.includes(event))) continue;
    throw refused(run, `may be of pull request ${number}, which went into another branch than ${base} before`);
  }
}

/** Pull requests that may have started a run, with their bases: all of its branch, and all that have one of the commits. */
async function pullsOf(
  repository: GithubRepository,
  run: WorkflowRun,
  { number, head }: PullRequest,
): Promise<ReadonlyMap<number, string>> {
  const owner = head.repository?.split('/')[0] ?? repository.owner;
  const listed = [...(await listPullsFrom(repository, `${owner}:${head.ref}`))];
  if (!listed.some((each) => each.number === number)) {
    throw refused(run, `may be of any pull request: GitHub's list for the branch ${shown(head.ref)} lacks ${number}`);
  }
  for (const commit of new Set([run.commit, head.sha])) listed.push(...(await listPullsOfCommit(repository, commit)));
  const pulls = new Map<number, string>();
  for (const each of listed) {
    if ((pulls.get(each.number) ?? each.base) !== each.base) {
      throw refused(run, `may be of pull request ${each.number}, which is given another base right now`);
    }
    pulls.set(each.number, each.base);
  }
  if (pulls.size <= MAX_PULLS) return pulls;
  throw refused(run, `may be of any of ${pulls.size} pull requests, more than the ${MAX_PULLS} that are looked at`);
}

function refused({ id }: WorkflowRun, what: string): Error {
  const message = `run ${id} ${what}: it may have run another workflow than the one that is reviewed`;
  return notApproved('run-base', message, REBUILD, { run: id });
}

const REBUILD =
  'build it again from the approved commit: "rebuild" in the promote workflow, or --rebuild; or push the change to a new branch, with a pull request of its own';
