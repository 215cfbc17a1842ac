import * as z from 'zod/mini';
import { IntegrityError } from '../core/errors.ts';
import '../core/schema-messages.ts';
import type { GithubRepository } from './repository.ts';

/** A commit and what it changed. */
export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  /** When it was made, ISO 8601; null when GitHub does not say it. */
  readonly date: string | null;
  /** Accounts that its author's and its committer's addresses belong to, where GitHub knows them. */
  readonly logins: readonly string[];
  /** Against its first parent; of very large commits not all. Undefined when GitHub does not say it. */
  readonly files: readonly { readonly path: string; readonly status: string }[] | undefined;
}

/** A file of a repository at a commit. */
export interface RepositoryFile {
  readonly text: string;
  /** Git's id of its content: equal for equal bytes. */
  readonly blob: string;
}

/** An account; `{}` stands for none in GitHub's description. */
const account = z.nullish(z.object({ login: z.optional(z.string()) }));

const commitSchema = z.object({
  sha: z.string(),
  author: account,
  committer: account,
  parents: z.array(z.object({ sha: z.string() })),
  commit: z.object({ committer: z.nullish(z.object({ date: z.optional(z.string()) })) }),
  files: z.optional(z.array(z.object({ filename: z.string(), status: z.string() }))),
});
const branchSchema = z.object({ commit: z.object({ sha: z.string() }) });

/** What stands at a path; of a folder, a link or a submodule no more than that it is one. */
const contentSchema = z.union([
  z.object({ type: z.string(), sha: z.string(), size: z.int(), encoding: z.string(), content: z.string() }),
  z.object({ type: z.string() }),
  z.array(z.unknown()),
]);

const READ_CONTENTS = 'contents: read';
/** GitHub gives out no larger file in this way (GitHub's documentation, "Get repository content"). In bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/** @throws RemoteError as `Github.request`, also when there is no such commit. */
export async function readCommit({ github, owner, repo, signal }: GithubRepository, sha: string): Promise<Commit> {
  const parameters = { owner, repo, ref: sha };
  const needs = { needs: READ_CONTENTS, signal };
  const commit = await github.request('GET /repos/{owner}/{repo}/commits/{ref}', parameters, commitSchema, needs);
  return {
    sha: commit.sha,
    parents: commit.parents.map((parent) => parent.sha),
    date: commit.commit.committer?.date ?? null,
    logins: [commit.author?.login, commit.committer?.login].filter((login) => login !== undefined),
    files: commit.files?.map(({ filename, status }) => ({ path: filename, status })),
  };
}

/**
 * The commit at the tip of a branch. Elsewhere GitHub takes a short name for a tag's as well, and a tag can be called like
 * a branch.
 * @throws RemoteError as `Github.request`, also when there is no such branch.
 */
export async function readTip({ github, owner, repo, signal }: GithubRepository, branch: string): Promise<string> {
  const needs = { needs: READ_CONTENTS, signal };
  const route = 'GET /repos/{owner}/{repo}/branches/{branch}';
  return (await github.request(route, { owner, repo, branch }, branchSchema, needs)).commit.sha;
}

/**
 * Reads a small text file as it is at a commit.
 * @param path from the top of the repository.
 * @returns undefined when there is none.
 * @throws IntegrityError `MALFORMED` for a folder or a link, `TOO_LARGE`; RemoteError as `Github.ask`.
 */
export async function readFileAt(
  { github, owner, repo, signal }: GithubRepository,
  path: string,
  commit: string,
): Promise<RepositoryFile | undefined> {
  const reply = await github.ask(
    'GET /repos/{owner}/{repo}/contents/{path}',
    { owner, repo, path, ref: commit },
    contentSchema,
    { needs: READ_CONTENTS, signal },
  );
  if (reply.kind === 'missing') return undefined;
  if (reply.kind === 'invalid') throw reply.refusal;
  const { data } = reply;
  if (Array.isArray(data) || data.type !== 'file' || !('content' in data)) throw notAFile(path, commit);
  if (data.size > MAX_FILE_BYTES || data.encoding !== 'base64') throw tooLarge(path, commit, data.size);
  return { text: Buffer.from(data.content, 'base64').toString('utf8'), blob: data.sha };
}

function notAFile(path: string, commit: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${path} at ${commit} is no file`, { hint: 'put a file there, no link' });
}

function tooLarge(path: string, commit: string, size: number): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${path} at ${commit} has ${size} bytes, more than ${MAX_FILE_BYTES}`, {
    hint: 'that is no version file, sums file or workflow',
  });
}
