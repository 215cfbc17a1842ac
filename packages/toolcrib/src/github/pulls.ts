import * as z from 'zod/mini';
import '../core/schema-messages.ts';
import type { GithubRepository } from './repository.ts';

/** A pull request as it is now. */
export interface PullRequest {
  readonly number: number;
  readonly state: 'open' | 'closed';
  readonly merged: boolean;
  /** Undefined for an account that is gone. */
  readonly author: string | undefined;
  /** `ref` is the branch; `repository` is OWNER/REPO of where it is, undefined when that is gone. */
  readonly head: { readonly sha: string; readonly ref: string; readonly repository: string | undefined };
  readonly base: { readonly ref: string };
}

/** A pull request in a list, and the branch that it goes into now. */
export interface ListedPull {
  readonly number: number;
  readonly base: string;
}

/** One review, in the order in which they were made. */
export interface Review {
  /** Undefined for an account that is gone. */
  readonly user: { readonly login: string; readonly type: string } | undefined;
  readonly state: string;
  /** The commit that was looked at; undefined when GitHub does not know it any more. */
  readonly commit: string | undefined;
}

const user = z.nullable(z.object({ login: z.string(), type: z.string() }));

const pullSchema = z.object({
  number: z.int(),
  state: z.enum(['open', 'closed']),
  merged_at: z.nullable(z.string()),
  user,
  head: z.object({ sha: z.string(), ref: z.string(), repo: z.nullish(z.object({ full_name: z.string() })) }),
  base: z.object({ ref: z.string() }),
});

const reviewSchema = z.object({ user, state: z.string(), commit_id: z.nullish(z.string()) });
const listedSchema = z.array(z.object({ number: z.int(), base: z.object({ ref: z.string() }) }));
const eventsSchema = z.array(z.object({ event: z.string() }));
const permissionSchema = z.object({ permission: z.string() });

const READ_PULLS = 'pull-requests: read';

/** @throws RemoteError as `Github.request`, also when there is no such pull request. */
export async function readPull(
  { github, owner, repo, signal }: GithubRepository,
  number: number,
): Promise<PullRequest> {
  const parameters = { owner, repo, pull_number: number };
  const needs = { needs: READ_PULLS, signal };
  const pull = await github.request('GET /repos/{owner}/{repo}/pulls/{pull_number}', parameters, pullSchema, needs);
  return {
    number: pull.number,
    state: pull.state,
    merged: pull.merged_at !== null,
    author: pull.user?.login,
    head: { sha: pull.head.sha, ref: pull.head.ref, repository: pull.head.repo?.full_name },
    base: { ref: pull.base.ref },
  };
}

/**
 * All pull requests that ever came from a branch, open or closed ("List pull requests", `state=all`).
 * @param head OWNER:BRANCH.
 */
export async function listPullsFrom(
  { github, owner, repo, signal }: GithubRepository,
  head: string,
): Promise<readonly ListedPull[]> {
  const parameters = { owner, repo, head, state: 'all', per_page: 100 } as const;
  const needs = { needs: READ_PULLS, signal };
  return await allOf(github.pages('GET /repos/{owner}/{repo}/pulls', parameters, listedSchema, needs));
}

/**
 * Pull requests that have a commit. GitHub names the open and the merged ones only ("List pull requests associated with a
 * commit"): one that was closed without a merge is not among them.
 */
export async function listPullsOfCommit(
  { github, owner, repo, signal }: GithubRepository,
  commit: string,
): Promise<readonly ListedPull[]> {
  const parameters = { owner, repo, commit_sha: commit, per_page: 100 };
  const needs = { needs: READ_PULLS, signal };
  const route = 'GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls';
  return await allOf(github.pages(route, parameters, listedSchema, needs));
}

async function allOf(pages: AsyncIterable<z.infer<typeof listedSchema>>): Promise<readonly ListedPull[]> {
  const listed: ListedPull[] = [];
  for await (const page of pages) listed.push(...page.map(({ number, base }) => ({ number, base: base.ref })));
  return listed;
}

/** What happened to a pull request, in the words of GitHub's "Issue event types". */
export async function listPullEvents(
  { github, owner, repo, signal }: GithubRepository,
  number: number,
): Promise<readonly string[]> {
  const events: string[] = [];
  const pages = github.pages(
    'GET /repos/{owner}/{repo}/issues/{issue_number}/events',
    { owner, repo, issue_number: number, per_page: 100 },
    eventsSchema,
    { needs: 'issues: read', signal },
  );
  for await (const page of pages) events.push(...page.map(({ event }) => event));
  return events;
}

/** All reviews of a pull request, the oldest first. */
export async function listReviews(
  { github, owner, repo, signal }: GithubRepository,
  number: number,
): Promise<readonly Review[]> {
  const reviews: Review[] = [];
  const pages = github.pages(
    'GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews',
    { owner, repo, pull_number: number, per_page: 100 },
    z.array(reviewSchema),
    { needs: READ_PULLS, signal },
  );
  for await (const page of pages) {
    for (const review of page) {
      reviews.push({ user: review.user ?? undefined, state: review.state, commit: review.commit_id ?? undefined });
    }
  }
  return reviews;
}

/** Whether a user may push to the repository: only then a review of theirs counts. */
export async function mayWrite({ github, owner, repo, signal }: GithubRepository, username: string): Promise<boolean> {
  const reply = await github.ask(
    'GET /repos/{owner}/{repo}/collaborators/{username}/permission',
    { owner, repo, username },
    permissionSchema,
    { needs: 'metadata: read', signal },
  );
  if (reply.kind === 'missing') return false;
  if (reply.kind === 'invalid') throw reply.refusal;
  return ['admin', 'write'].includes(reply.data.permission);
}
