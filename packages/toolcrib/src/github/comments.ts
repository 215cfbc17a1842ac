import * as z from 'zod/mini';
import { RemoteError } from '../core/errors.ts';
import '../core/schema-messages.ts';
import type { GithubRepository } from './repository.ts';

const commentSchema = z.object({
  id: z.int(),
  html_url: z.string(),
  body: z.optional(z.string()),
  user: z.nullish(z.object({ type: z.string() })),
});

const NEEDS = 'pull-requests: write';

/** What became of a comment; `denied`: these credentials may not write, as those of a fork's pull request. */
export type CommentOutcome =
  | { readonly kind: 'created' | 'updated'; readonly url: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'denied'; readonly reason: string };

/**
 * Keeps one comment of a program on a pull request: the one that begins with a marker is replaced, else a new one is made.
 * @param marker a comment of Markdown that nobody sees; the text follows it.
 * @throws RemoteError as `Github.request`, other than a refusal for want of rights.
 */
export async function keepComment(
  repository: GithubRepository,
  pull: number,
  marker: string,
  text: string,
  options: { /** False: only a comment that is there is replaced. */ readonly create: boolean },
): Promise<CommentOutcome> {
  try {
    const found = await findComment(repository, pull, marker);
    if (found === undefined && !options.create) return { kind: 'none' };
    return await writeComment(repository, pull, found, `${marker}\n${text}`);
  } catch (error) {
    if (error instanceof RemoteError && isDenial(error)) return { kind: 'denied', reason: error.message };
    throw error;
  }
}

function isDenial({ code, details }: RemoteError): boolean {
  return code === 'REMOTE_REFUSED' && [403, 404].some((status) => status === details['status']);
}

async function findComment(
  { github, owner, repo, signal }: GithubRepository,
  pull: number,
  marker: string,
): Promise<number | undefined> {
  const pages = github.pages(
    'GET /repos/{owner}/{repo}/issues/{issue_number}/comments',
    { owner, repo, issue_number: pull, per_page: 100 },
    z.array(commentSchema),
    { needs: NEEDS, signal },
  );
  for await (const page of pages) {
    // A person who writes the marker gets no comment of ours that they could change later.
    const found = page.find(({ body, user }) => user?.type === 'Bot' && body?.startsWith(marker) === true);
    if (found !== undefined) return found.id;
  }
  return undefined;
}

async function writeComment(
  { github, owner, repo, signal }: GithubRepository,
  pull: number,
  found: number | undefined,
  body: string,
): Promise<CommentOutcome> {
  const needs = { needs: NEEDS, signal };
  if (found === undefined) {
    const route = 'POST /repos/{owner}/{repo}/issues/{issue_number}/comments';
    const made = await github.request(route, { owner, repo, issue_number: pull, body }, commentSchema, needs);
    return { kind: 'created', url: made.html_url };
  }
  const route = 'PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}';
  const changed = await github.request(route, { owner, repo, comment_id: found, body }, commentSchema, needs);
  return { kind: 'updated', url: changed.html_url };
}
