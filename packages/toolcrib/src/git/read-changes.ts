import { parsePathList, parseRawDiff, parseStatus, type ChangedPath, type DiffedPath } from './changed-paths.ts';

/** Runs git in a folder and gives what it wrote to stdout. */
export type GitText = (args: readonly string[]) => Promise<string>;

/** A commit of a submodule counts whatever `.gitmodules` says; its work tree is another repository's. */
const SUBMODULES = '--ignore-submodules=dirty';
/** A rename is a path that went and one that came; nothing of the repository's choice decides how a diff is made. */
const DIFF_OPTIONS = ['--raw', '-z', '--no-renames', '--no-relative', '--no-ext-diff', '--no-textconv', '-O/dev/null'];

/**
 * Paths that differ between two commits, or between a commit and the work tree. Nothing is written: `git diff` would
 * refresh the index when it compares with the work tree, so `git diff-index` does, and `git status`, which looks into
 * files that have other times than they had, tells which of them changed.
 */
export async function readChanges(
  git: GitText,
  from: string,
  to: string | undefined,
  pathspecs: readonly string[],
): Promise<readonly ChangedPath[]> {
  if (to !== undefined) return (await listDiff(git, ['diff', from, to], pathspecs)).map(changeOf);
  const [tracked, untracked] = await Promise.all([
    listDiff(git, ['diff-index', from], pathspecs),
    git(['ls-files', '-z', '--others', '--exclude-standard', '--full-name', '--', ...pathspecs]),
  ]);
  const others = parsePathList(untracked).map((path): ChangedPath => ({ path, kind: 'untracked' }));
  return [...(await withoutGuesses(git, from, tracked, pathspecs)), ...others];
}

async function listDiff(
  git: GitText,
  [command, ...commits]: readonly [string, ...string[]],
  pathspecs: readonly string[],
): Promise<readonly DiffedPath[]> {
  return parseRawDiff(await git([command, ...DIFF_OPTIONS, SUBMODULES, ...commits, '--', ...pathspecs]));
}

/** A file that only looks changed is what HEAD has; it differs when that differs. */
async function withoutGuesses(
  git: GitText,
  from: string,
  changed: readonly DiffedPath[],
  pathspecs: readonly string[],
): Promise<readonly ChangedPath[]> {
  if (!changed.some(({ isGuess }) => isGuess)) return changed.map(changeOf);
  const [committed, status] = await Promise.all([
    listDiff(git, ['diff', from, 'HEAD'], pathspecs),
    git(['status', '--porcelain=v1', '-z', '--no-renames', '--untracked-files=no', SUBMODULES, '--', ...pathspecs]),
  ]);
  const known = new Set([...committed.map(({ path }) => path), ...parseStatus(status)]);
  return changed.filter(({ path, isGuess }) => !isGuess || known.has(path)).map(changeOf);
}

function changeOf({ path, kind }: DiffedPath): ChangedPath {
  return { path, kind };
}
