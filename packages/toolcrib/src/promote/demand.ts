import { PolicyError, type ErrorDetails } from '../core/errors.ts';
import { visibleText } from '../github/visible-text.ts';

/** What a promotion demands, one word each: `details.demand` of the error that refuses it. */
export type Demand =
  /** The pull request goes into the configured branch. */
  | 'base'
  /** It is open or merged. */
  | 'state'
  /** It comes from this repository, or is rebuilt. */
  | 'fork'
  /** Its head is the commit that was named. */
  | 'commit'
  /** Somebody else who may write approved exactly its head. */
  | 'approval'
  /** Nobody who may write has asked for changes. */
  | 'changes-requested'
  /** It is of this project's tool, and its version is not below the base's. */
  | 'tool'
  /** The sums file of its head pins exactly the targets of that version. */
  | 'sums'
  /** A run built its head, or a commit from which only the sums file differs. */
  | 'run'
  /** That run is of the build workflow, started by a pull request of this repository. */
  | 'origin'
  /** Nothing that the run may have been started by ever went into another branch than the base. */
  | 'run-base'
  /** All jobs that build ended well. */
  | 'jobs'
  /** The workflow's file is the base branch's. */
  | 'workflow';

/** A promotion that is refused, and what is to be done. */
export function notApproved(demand: Demand, message: string, hint: string, details: ErrorDetails = {}): PolicyError {
  return new PolicyError('NOT_APPROVED', message, { hint, details: { demand, ...details } });
}

/** What a pull request or GitHub calls something, as it may stand in a log: the runner acts upon `##[`. */
export function shown(name: string): string {
  return visibleText(name).replaceAll('##', '#');
}

/** A commit as people write it. */
export function shortCommit(commit: string): string {
  return commit.slice(0, 12);
}
