import { UsageError } from '../core/errors.ts';
import { gitEnvironment } from '../git/git-environment.ts';
import { runGit } from '../git/run-git.ts';
import { openGithub, type Github } from '../github/client.ts';
import {
  parseRepositoryName,
  repositoryOfRemote,
  type GithubRepository,
  type RepositoryAddress,
} from '../github/repository.ts';
import type { Host } from './host.ts';
import { githubServerOf, githubToken, transferOptions } from './open-store.ts';

/** A repository that is asked, and its names; who opens it closes it. */
export interface OpenedRepository extends GithubRepository {
  readonly github: Github;
  /** OWNER/REPO. */
  readonly name: string;
  /** URL that a person looks at, e.g. `https://github.com/o/r`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Opens the repository of a project on GitHub: the one that is named, else that of the job of GitHub Actions, else the one
 * that the remote `origin` names. The token goes to GitHub.com, or to the server that `GITHUB_SERVER_URL` names; rewrite rules
 * are for files that are fetched from stores, not for an API that is told to comment, and what it answers.
 * @param folder in the work tree.
 * @throws UsageError `USAGE` when there is none, or its server is another one.
 */
export async function openProjectRepository(
  host: Host,
  folder: string,
  named: string | undefined,
): Promise<OpenedRepository> {
  const { owner, repo, endpoint } = await addressOf(host, folder, named);
  const github = openGithub({
    endpoint,
    token: tokenFor(`${owner}/${repo}`, host.env),
    transfer: await transferOptions(host),
  });
  const name = `${owner}/${repo}`;
  const url = `${github.addresses.web}/${name}`;
  return { github, owner, repo, name, url, signal: host.signal, close: () => github.close() };
}

/** A job's own token is for its own repository; the one that is meant for toolcrib may be for a store in another. */
function tokenFor(name: string, env: Host['env']): string | undefined {
  const isOwn = env['GITHUB_ACTIONS'] === 'true' && env['GITHUB_REPOSITORY'] === name;
  return (isOwn && env['GITHUB_TOKEN']) || githubToken(env);
}

async function addressOf(host: Host, folder: string, name: string | undefined): Promise<RepositoryAddress> {
  const server = githubServerOf(host.env);
  const named = name ?? (host.env['GITHUB_ACTIONS'] === 'true' ? host.env['GITHUB_REPOSITORY'] : undefined);
  if (named !== undefined && named !== '') return parseRepositoryName(named, server);
  const { remote, address } = await readOrigin(host, folder);
  if (address === undefined) {
    const found =
      remote === undefined ? 'there is no remote "origin" in' : 'no repository of GitHub is the remote "origin" of';
    throw new UsageError('USAGE', `${found} ${folder}`, {
      hint: 'name it: --repository OWNER/REPO',
    });
  }
  if (address.endpoint === undefined || address.endpoint === server) return address;
  throw new UsageError('USAGE', `the remote "origin" is on ${address.endpoint}, which may be no GitHub`, {
    hint: `if it is a GitHub Enterprise server, set GITHUB_SERVER_URL=${address.endpoint}; the token is sent nowhere else`,
  });
}

/** What the remote `origin` names, where that is a repository of a server. */
export async function readOrigin(
  host: Host,
  folder: string,
): Promise<{ readonly remote: string | undefined; readonly address: RepositoryAddress | undefined }> {
  const remote = await originOf(host, folder);
  return { remote, address: remote === undefined ? undefined : repositoryOfRemote(remote) };
}

async function originOf({ env, signal }: Host, folder: string): Promise<string | undefined> {
  const call = { folder, env: gitEnvironment(env), args: ['config', '--get', 'remote.origin.url'], signal };
  const { code, stdout } = await runGit(call);
  const remote = stdout.toString('utf8').trim();
  return code === 0 && remote !== '' ? remote : undefined;
}
