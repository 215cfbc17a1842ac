import type { ProjectConfig } from '../config/config.ts';
import { normaliseConfig, parseConfig } from '../config/read-config.ts';
import { checkMerge as judgeMerge, type CheckOutcome, type CheckReport } from '../check/check-merge.ts';
import { UsageError } from '../core/errors.ts';
import { openRepository, type GitRepository } from '../git/repository.ts';
import type { Fix } from './fix-merge.ts';
import type { Host } from './host.ts';
import { collectStores } from './open-store.ts';
import { configOf, type Project } from './project.ts';

export interface CheckOptions {
  /** What the change is to be merged into: anything that git takes for a commit. Default: see {@link checkMerge}. */
  readonly base?: string;
  /** True: write the version and the pins that are required, where they are known, and check again. */
  readonly fix?: boolean;
}

/** What the merge gate found, and what was written before. */
export interface MergeCheck extends CheckReport {
  /** Empty without `fix`. */
  readonly fixes: readonly Fix[];
}

/**
 * The merge gate, without credentials: whether sources, version, pins and stores of what is checked out, with all that is
 * not committed yet, may go into the base. The base is the one given, else `origin/$GITHUB_BASE_REF`, else the fresher of
 * the configured branch and the remote's.
 * @returns also when the verdict is `failed`.
 * @throws UsageError `USAGE` without a configuration, git, a commit, a base, or history in common with it;
 * `CONFIG_INVALID` for sources that git cannot read; CheckError `CHECK_FAILED` when no version is free; RemoteError
 * `STORAGE`; the signal's reason.
 */
export async function checkMerge(project: Project, host: Host, options: CheckOptions = {}): Promise<MergeCheck> {
  const config = configOf(project, 'check');
  const repository = await openRepository(config.folder, { env: host.env, signal: host.signal });
  const check = (): Promise<CheckOutcome> => checkOnce(config, repository, host, options.base);
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
  given: string | undefined,
): Promise<CheckOutcome> {
  const { offline, signal } = host;
  const stores = collectStores(host, config.rewrite);
  try {
    return await judgeMerge({
      config,
      repository,
      head: await headOf(repository),
      wishes: { given, githubBaseRef: host.env['GITHUB_BASE_REF'], baseBranch: config.baseBranch },
      parseConfig: (text, file) => normaliseConfig(parseConfig(text, file), file),
      stores: offline ? [] : await Promise.all(config.stores.map((reference) => stores.open(reference))),
      offline,
      signal,
    });
  } finally {
    await stores.close();
  }
}

async function headOf(repository: GitRepository): Promise<string> {
  const head = await repository.resolveCommit('HEAD');
  if (head !== undefined) return head;
  throw new UsageError('USAGE', `the repository of ${repository.folder} has no commit yet`, {
    hint: 'commit the project first: "git add" and "git commit"',
  });
}
