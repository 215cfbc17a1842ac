import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { unescape } from 'node:querystring';
import { promisify } from 'node:util';
import type { ProjectConfig } from '../config/config.ts';
import { IntegrityError, RemoteError, UsageError } from '../core/errors.ts';
import { ensureDirectory } from '../disk/write-file.ts';
import { openRepository, type GitRepository } from '../git/repository.ts';
import type { PullRequest } from '../github/pulls.ts';
import { buildTool } from './build-tool.ts';
import type { Host } from './host.ts';
import { launcherApart } from './launch-apart.ts';
import { openProject } from './project.ts';

/** What is built again. */
export interface Rebuild {
  readonly pull: PullRequest;
  /** The configuration of its head. */
  readonly config: ProjectConfig;
  /** An empty folder. */
  readonly scratch: string;
}

/**
 * Builds the head of a pull request in a fresh checkout, with nothing of this one. Its build is code of the pull request:
 * it runs as this user, with an environment of its own and an empty home, and cannot look into this process.
 * @returns absolute path of the folder with the artifacts.
 * @throws UsageError `USAGE` when the commit cannot be had from the remote `origin`, or where nothing keeps a build from
 * looking into this process; what `buildTool` says.
 */
export async function rebuildCommit(
  git: GitRepository,
  host: Host,
  { pull, config, scratch }: Rebuild,
): Promise<string> {
  const launcher = await launcherApart(host);
  const checkout = join(scratch, 'checkout');
  await checkOut(git, host, pull, checkout);
  const file = git.pathInTree(config.file);
  if (file === undefined) throw new Error('a configuration that is reviewed stands in the repository');
  const home = join(scratch, 'home');
  await ensureDirectory(home);
  const builder: Host = { ...host, cwd: checkout, env: rebuildEnvironment(host.env, home) };
  const project = await openProject(builder, { config: join(checkout, file) });
  const folder = join(scratch, 'artifacts');
  await ensureDirectory(folder);
  if (project.config === undefined) throw new Error('a configuration that was named is read');
  await buildTool({ ...project, config: { ...project.config, binaries: folder } }, builder, { launcher });
  return folder;
}

async function checkOut(git: GitRepository, host: Host, { number, head }: PullRequest, folder: string): Promise<void> {
  const top = git.absolutePath('');
  const run = (...args: readonly string[]): Promise<string> => runGit(args, host, host.env);
  await run('clone', '--quiet', '--no-checkout', '--no-tags', '--', top, folder);
  const clone = await openRepository(folder, { env: host.env, signal: host.signal });
  if ((await clone.resolveCommit(head.sha)) === undefined) {
    const origin = await run('-C', top, 'config', '--get', 'remote.origin.url');
    const { address, env } = hideCredentials(origin, host.env);
    const args = ['-C', folder, 'fetch', '--quiet', '--no-tags', '--', address, `refs/pull/${number}/head`];
    await runGit(args, host, env);
  }
  await run('-C', folder, 'checkout', '--quiet', '--detach', head.sha);
  const actual = await run('-C', folder, 'rev-parse', 'HEAD');
  if (actual === head.sha) return;
  throw new IntegrityError('VERSION_MISMATCH', `the checkout is at ${actual}, expected ${head.sha}`, {
    hint: 'git did not give the commit that was asked for: look at the remote "origin"',
  });
}

/**
 * Takes credentials out of an address of HTTP and hands them over in the environment: everybody on this machine sees the
 * arguments of git and of the programs that it starts. The fresh clone has nothing of the configuration of this checkout;
 * that of the user, with their helpers for credentials, counts there too.
 */
function hideCredentials(origin: string, env: Host['env']): { readonly address: string; readonly env: Host['env'] } {
  const url = URL.parse(origin);
  if (url === null || !/^https?:$/.test(url.protocol) || `${url.username}${url.password}` === '') {
    return { address: origin, env };
  }
  const [username, password] = [unescape(url.username), unescape(url.password)];
  Object.assign(url, { username: '', password: '' });
  const index = Number(env['GIT_CONFIG_COUNT'] ?? 0);
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  // Who has no password there has a helper that is asked for the one of that account.
  const [key, value] =
    password === ''
      ? [`credential.${url.origin}.username`, username]
      : [`http.${url.origin}/.extraHeader`, `Authorization: Basic ${basic}`];
  const setting = { [`GIT_CONFIG_KEY_${index}`]: key, [`GIT_CONFIG_VALUE_${index}`]: value };
  return { address: url.href, env: { ...env, ...setting, GIT_CONFIG_COUNT: String(index + 1) } };
}

/** A clone may take its time; it is given up after this many milliseconds. */
const DEADLINE_MS = 10 * 60_000;

/** Hooks of templates do not run. Unlike reading, this may use the network and the user's credentials. */
async function runGit(args: readonly string[], { signal }: Host, env: Host['env']): Promise<string> {
  const options = {
    env: { ...env, GIT_TERMINAL_PROMPT: '0' },
    timeout: DEADLINE_MS,
    maxBuffer: 1024 * 1024,
    ...(signal !== undefined && { signal }),
  };
  try {
    return (await promisify(execFile)('git', ['-c', 'core.hooksPath=/dev/null', ...args], options)).stdout.trim();
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      throw new UsageError('USAGE', 'the program git was not found', { hint: 'install git', cause: error });
    }
    // Its message would name the command with the address of the remote, which may hold credentials.
    const what = args.find((arg) => ['clone', 'fetch', 'checkout', 'config', 'rev-parse'].includes(arg)) ?? 'git';
    throw new RemoteError('UNREACHABLE', `git ${what} failed: the commit to build again could not be checked out`, {
      hint: 'check that the remote "origin" is the repository of the pull request, and that git can fetch from it',
      details: { command: what },
    });
  }
}

/** How programs are found and speak, what time it is, where temporary files go, whom to trust with TLS. */
const KEPT =
  /^(?:PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR|CI|SOURCE_DATE_EPOCH|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS)$/;
/** How the network is reached; what stands before an `@` in such an address is a credential. */
const ADDRESSES = /^(?:(?:http|https|all|no)_proxy|npm_config_registry)$/i;

/**
 * What a build of somebody else's code gets of the environment: a few names that are known, and nothing else.
 * @param home an empty folder, in place of the user's own with its tokens.
 */
export function rebuildEnvironment(env: Host['env'], home: string): Host['env'] {
  const kept = Object.entries(env).filter(
    ([name, value]) => KEPT.test(name) || (ADDRESSES.test(name) && value?.includes('@') === false),
  );
  return { ...Object.fromEntries(kept), HOME: home };
}
