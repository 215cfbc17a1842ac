import { UsageError } from '../core/errors.ts';
import type { GitRepository } from '../git/repository.ts';

/** What a merge goes into. */
export interface MergeBase {
  /** As it was found, e.g. `origin/main`. */
  readonly ref: string;
  /** The commit that it stands for. */
  readonly commit: string;
  /** The commit at which the two histories parted: what the change began with. */
  readonly mergeBase: string;
}

/** Who may say what the base is, most telling first. */
export interface BaseWishes {
  /** Of the user: a branch, or else anything that git takes for a commit. */
  readonly given: string | undefined;
  /** `GITHUB_BASE_REF`: the branch that a pull request goes into; empty outside of one. */
  readonly githubBaseRef: string | undefined;
  /** Of the configuration. */
  readonly baseBranch: string;
}

/** A base without what the histories have in common. */
export type BranchTip = Omit<MergeBase, 'mergeBase'>;

/**
 * Finds what the checked out commit is to be merged into, and where the two parted.
 * @throws UsageError `USAGE` when there is no such commit, or no common history in this clone, with the `git fetch` that
 * brings it; RemoteError `STORAGE`; the signal's reason.
 */
export async function chooseBase(repository: GitRepository, head: string, wishes: BaseWishes): Promise<MergeBase> {
  const base = await findBase(repository, wishes);
  const mergeBase = await repository.mergeBase(base.commit, head);
  if (mergeBase === undefined) throw noCommonHistory(repository, base.ref);
  return { ...base, mergeBase };
}

/**
 * The branch that a change goes into, as this clone has it.
 * @throws UsageError `USAGE` when it has none; RemoteError `STORAGE`; the signal's reason.
 */
export async function findBase(repository: GitRepository, wishes: BaseWishes): Promise<BranchTip> {
  const { given, githubBaseRef = '', baseBranch } = wishes;
  if (given !== undefined) return await demand(repository, given, candidatesFor(given));
  if (githubBaseRef !== '') return await demand(repository, githubBaseRef, [`refs/remotes/origin/${githubBaseRef}`]);
  return await fresher(repository, baseBranch);
}

/** What says by itself which commit it means: a whole hash, a whole reference, or what is checked out. */
const UNMISTAKABLE = /^(?:(?:[0-9a-f]{40}|[0-9a-f]{64})$|refs\/|(?:HEAD|@)(?:$|[~^@]))/;

/**
 * What a name may stand for, branches first: git would prefer a tag of that name, which anybody may have made who can
 * push one.
 */
function candidatesFor(given: string): readonly string[] {
  if (UNMISTAKABLE.test(given)) return [given];
  return [`refs/heads/${given}`, `refs/remotes/${given}`, `refs/remotes/origin/${given}`, given];
}

async function demand(repository: GitRepository, name: string, candidates: readonly string[]): Promise<BranchTip> {
  for (const candidate of candidates) {
    const commit = await repository.resolveCommit(candidate);
    if (commit !== undefined) return { ref: shortName(candidate), commit };
  }
  throw noBase(repository, name);
}

/**
 * The one of the remote's and the local branch that has more, the remote's when they parted. A local branch that is
 * checked out is what is checked, so it is no base for itself where the remote has one.
 */
async function fresher(repository: GitRepository, branch: string): Promise<BranchTip> {
  const [remote, local, current] = await Promise.all([
    repository.resolveCommit(`refs/remotes/origin/${branch}`),
    repository.resolveCommit(`refs/heads/${branch}`),
    repository.currentBranch(),
  ]);
  if (remote === undefined) return await demand(repository, branch, [`refs/heads/${branch}`]);
  const isNewer = local !== undefined && current !== branch && (await repository.isAncestor(remote, local));
  return isNewer ? { ref: branch, commit: local } : { ref: `origin/${branch}`, commit: remote };
}

function shortName(ref: string): string {
  return ref.replace(/^refs\/(?:heads|remotes)\//, '');
}

function noBase({ isShallow }: GitRepository, name: string): UsageError {
  const branch = name.replace(/^origin\//, '');
  const fetch = isShallow ? WHOLE_HISTORY : `fetch it: git fetch origin ${branch}`;
  return new UsageError('USAGE', `this clone has no commit called ${JSON.stringify(name)} to compare with`, {
    hint: `${fetch}; or name another base with --base`,
    details: { base: name, shallow: isShallow },
  });
}

const WHOLE_HISTORY =
  'this clone is shallow: fetch its history (git fetch --unshallow origin; in a workflow "fetch-depth: 0" of actions/checkout)';

function noCommonHistory({ isShallow }: GitRepository, ref: string): UsageError {
  return new UsageError('USAGE', `this clone knows no commit that HEAD and ${ref} have in common`, {
    hint: isShallow
      ? `${WHOLE_HISTORY}, or more of it (git fetch --deepen=100 origin)`
      : 'they have no history in common: name another base with --base',
    details: { base: ref, shallow: isShallow },
  });
}
