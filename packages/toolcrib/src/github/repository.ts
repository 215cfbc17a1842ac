import { UsageError } from '../core/errors.ts';
import type { Github } from './client.ts';

/** A repository of a GitHub, and how it is asked. */
export interface GithubRepository {
  readonly github: Github;
  readonly owner: string;
  readonly repo: string;
  readonly signal?: AbortSignal | undefined;
}

/** Where a repository is. */
export interface RepositoryAddress {
  readonly owner: string;
  readonly repo: string;
  /** Of an Enterprise server, e.g. `https://github.example.com`; undefined: GitHub.com. */
  readonly endpoint: string | undefined;
}

const NAME = String.raw`(?<owner>[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}))\/(?<repo>[A-Za-z0-9._-]{1,100}?)`;
const PLAIN = new RegExp(`^${NAME}$`);
const SSH = new RegExp(`^(?:ssh:\\/\\/)?(?:[^@/]+@)?(?<host>[A-Za-z0-9.-]+)(?::[0-9]+)?[:/]${NAME}(?:\\.git)?\\/?$`);
const PATH = new RegExp(`^\\/${NAME}(?:\\.git)?\\/?$`);

/** @throws UsageError `USAGE` unless the text is `OWNER/REPO`. */
export function parseRepositoryName(text: string, endpoint: string | undefined): RepositoryAddress {
  const { owner, repo } = PLAIN.exec(text)?.groups ?? {};
  if (owner !== undefined && isRepository(repo)) return { owner, repo, endpoint };
  throw new UsageError('USAGE', `not a repository of GitHub: ${JSON.stringify(text)}`, { hint: 'write OWNER/REPO' });
}

/**
 * Reads the address that git knows a remote by: `https://github.com/o/r.git`, `git@github.com:o/r.git`.
 * @returns undefined when it is none of a server.
 */
export function repositoryOfRemote(remote: string): RepositoryAddress | undefined {
  const url = /^https?:/i.test(remote) ? URL.parse(remote) : null;
  const { host, owner, repo } =
    url === null ? (SSH.exec(remote)?.groups ?? {}) : { host: url.host, ...PATH.exec(url.pathname)?.groups };
  if (host === undefined || owner === undefined || !isRepository(repo)) return undefined;
  const endpoint =
    host === 'github.com' || host === 'ssh.github.com' ? undefined : `${url?.protocol ?? 'https:'}//${host}`;
  return { owner, repo, endpoint };
}

function isRepository(name: string | undefined): name is string {
  return name !== undefined && name !== '.' && name !== '..';
}
