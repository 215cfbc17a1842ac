import type { ProjectConfig } from '../config/config.ts';
import { configFrom } from '../config/read-config.ts';
import { checkMerge as judgeMerge, type CheckOutcome, type CheckReport } from '../check/check-merge.ts';
import { chooseBase, type BaseWishes, type MergeBase } from '../check/choose-base.ts';
import type { ConfigSources } from '../check/earlier-config.ts';
import { storesOfBase } from '../check/stores-of-base.ts';
import { UsageError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import { openRepository, type GitRepository } from '../git/repository.ts';
import type { Fix } from './fix-merge.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import { configOf, type Project } from './project.ts';

export interface CheckOptions {
  /** What the change is to be merged into: anything that git takes for a commit. Default: see {@link checkMerge}. */
  readonly base?: string;
  /**
   * True: stores that the base's own configuration names are asked with the credentials of this machine. Only for a base
   * that the change did not choose: `base`, or `GITHUB_BASE_REF`. Default: every store is asked as a stranger.
   */
  readonly withCredentials?: boolean;
  /** True: write the version and the pins that are required, where they are known, and check again. */
  readonly fix?: boolean;
}

/** What the merge gate found, and what was written before. */
export interface MergeCheck extends CheckReport {
  /** Empty without `fix`. */
  readonly fixes: readonly Fix[];
}

/**
 * The merge gate, without credentials unless they are asked for: whether sources, version, pins and stores of what is
 * checked out, with all that is not committed yet, may go into the base. The base is the one given, else
 * `origin/$GITHUB_BASE_REF`, else the fresher of the configured branch and the remote's.
 * @returns also when the verdict is `failed`.
 * @throws UsageError `USAGE` without a configuration, git, a commit, a base, or history in common with it, and for
 * credentials where the change would choose who gets them; `CONFIG_INVALID` for sources that git cannot read; CheckError
 * `CHECK_FAILED` when no version is free; RemoteError `STORAGE`; the signal's reason.
 */
export async function checkMerge(project: Project, host: Host, options: CheckOptions = {}): Promise<MergeCheck> {
  const config = configOf(project, 'check');
  const repository = await openRepository(config.folder, { env: host.env, signal: host.signal });
  const check = (): Promise<CheckOutcome> => checkOnce(config, repository, host, options);
  const first = await check();
  if (options.fix !== true || first.report.verdict === 'ok') return { ...first.report, fixes: [] };
  const { fixMerge } = await import('./fix-merge.ts');
  const fixes = await fixMerge(config, first, host);
  const again = fixes.length === 0 ? first : await check();
  return { ...again.report, fixes };
}

async function checkOnce(
  config: ProjectConfig,
  repository: GitRepository,
  host: Host,
  options: CheckOptions,
): Promise<CheckOutcome> {
  const { offline, signal } = host;
  const wishes = { given: options.base, githubBaseRef: host.env['GITHUB_BASE_REF'], baseBranch: config.baseBranch };
  const head = await headOf(repository);
  const base = await chooseBase(repository, head, wishes);
  const sources: ConfigSources = { config, repository, parseConfig: configFrom };
  const stores = collectStores(host, config.rewrite);
  try {
    const isTrusted = options.withCredentials === true ? await trustedStores(sources, base, wishes) : () => false;
    const open = (reference: StoreReference) => stores.open(reference, { anonymous: !isTrusted(reference) });
    return await judgeMerge({
      ...sources,
      head,
      base,
      stores: offline ? [] : await Promise.all(config.stores.map(open)),
      offline,
      signal,
    });
  } finally {
    await stores.close();
  }
}

/** @throws UsageError `USAGE` when the change says itself what its base is: it could name a branch of its own. */
async function trustedStores(
  sources: ConfigSources,
  { commit }: MergeBase,
  { given, githubBaseRef = '' }: BaseWishes,
): Promise<(reference: StoreReference) => boolean> {
  if (given !== undefined || githubBaseRef !== '') return await storesOfBase(commit, sources);
  throw new UsageError('USAGE', 'credentials are for the stores of the base, and the change says itself what that is', {
    hint: 'name the base: --base BRANCH',
  });
}

async function headOf(repository: GitRepository): Promise<string> {
  const head = await repository.resolveCommit('HEAD');
  if (head !== undefined) return head;
  throw new UsageError('USAGE', `the repository of ${repository.folder} has no commit yet`, {
    hint: 'commit the project first: "git add" and "git commit"',
  });
}
