import type { PullRequest, Review } from '../github/pulls.ts';
import { notApproved, shortCommit, shown } from './demand.ts';

/** What a pull request has to be. */
export interface PullDemands {
  /** OWNER/REPO of where it has to come from. */
  readonly repository: string;
  /** The branch that it has to go into. */
  readonly baseBranch: string;
  /** True: its artifacts are built again, so that those of a fork need not be trusted. */
  readonly rebuilds: boolean;
  /** What its head has to be; undefined: whatever it is. */
  readonly commit: string | undefined;
}

/** @throws PolicyError `NOT_APPROVED`: `base`, `state`, `fork`, `commit`. */
export function verifyPull(pull: PullRequest, demands: PullDemands): void {
  const name = `pull request ${pull.number}`;
  if (pull.base.ref !== demands.baseBranch) {
    const what = `${name} goes into ${JSON.stringify(pull.base.ref)}, not into ${JSON.stringify(demands.baseBranch)}`;
    throw notApproved('base', what, 'promote pull requests into the branch that "baseBranch" in toolcrib.json names');
  }
  if (pull.state === 'closed' && !pull.merged) {
    throw notApproved('state', `${name} was closed without a merge`, 'reopen it, and have it approved');
  }
  if (!demands.rebuilds && isFork(pull, demands.repository)) {
    const from = pull.head.repository ?? 'a repository that is gone';
    throw notApproved('fork', `${name} comes from ${shown(from)}: artifacts of a fork are never trusted`, REBUILD, {
      from,
    });
  }
  if (demands.commit !== undefined && pull.head.sha !== demands.commit) {
    const what = `the head of ${name} is ${shortCommit(pull.head.sha)}, not ${shortCommit(demands.commit)}`;
    throw notApproved('commit', what, 'somebody has pushed: review what is new, and begin again');
  }
}

const REBUILD =
  'build it again from the approved commit: "rebuild" in the promote workflow, or --rebuild, for drivers that give the same bytes twice';

/** Names of GitHub differ in no more than case. */
function isFork(pull: PullRequest, repository: string): boolean {
  return pull.head.repository?.toLowerCase() !== repository.toLowerCase();
}

/** Reviewers whose word may count, so that their rights have to be known: people other than the author. */
export function reviewersOf(pull: PullRequest, reviews: readonly Review[]): readonly string[] {
  const logins = reviews.flatMap(({ user }) => (user?.type === 'User' ? [user.login] : []));
  return [...new Set(logins)].filter((login) => !isAuthor(pull, login));
}

/**
 * Demands that somebody who may write, and is not the author, approved exactly the head, and that nobody who may write
 * still asks for changes. Of one reviewer the last word counts; a comment is none. Who made the head may object to it, but
 * not approve it.
 * @param writers those of {@link reviewersOf} who may write.
 * @param makers accounts of the head's author and committer, as far as GitHub knows the addresses in it. Who pushed it is
 * not told.
 * @returns who approved.
 * @throws PolicyError `NOT_APPROVED`: `approval`, `changes-requested`.
 */
export function verifyApproval(
  pull: PullRequest,
  reviews: readonly Review[],
  writers: ReadonlySet<string>,
  makers: readonly string[],
): readonly string[] {
  const words = new Map<string, Review>();
  for (const review of reviews) {
    const login = review.user?.login;
    if (login === undefined || !writers.has(login) || isAuthor(pull, login)) continue;
    if (['APPROVED', 'CHANGES_REQUESTED', 'DISMISSED'].includes(review.state)) words.set(login, review);
  }
  const said = (state: string): readonly string[] =>
    [...words].flatMap(([login, review]) => (review.state === state ? [login] : []));
  const against = said('CHANGES_REQUESTED');
  if (against.length > 0) throw changesRequested(pull, against);
  const made = new Set(makers.map((login) => login.toLowerCase()));
  const approved = said('APPROVED').filter((login) => !made.has(login.toLowerCase()));
  const current = approved.filter((login) => words.get(login)?.commit === pull.head.sha);
  if (current.length === 0) throw unapproved(pull, approved);
  return current;
}

function isAuthor({ author }: PullRequest, login: string): boolean {
  return author?.toLowerCase() === login.toLowerCase();
}

function changesRequested({ number }: PullRequest, by: readonly string[]): Error {
  const hint = 'they have to approve it, or somebody has to dismiss their review';
  return notApproved('changes-requested', `${by.join(', ')} requested changes to pull request ${number}`, hint, { by });
}

function unapproved({ number, head }: PullRequest, earlier: readonly string[]): Error {
  const commit = shortCommit(head.sha);
  const why =
    earlier.length === 0
      ? 'nobody who may write to this repository, other than its author and who made its head, has approved it'
      : `${earlier.join(', ')} approved an earlier commit`;
  const hint = `have exactly ${commit} approved by somebody with write access who neither opened it nor made that commit, then promote again`;
  return notApproved('approval', `the head ${commit} of pull request ${number} is not approved: ${why}`, hint, {
    commit: head.sha,
    earlier,
  });
}
