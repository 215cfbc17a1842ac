import { join, posix, relative, sep } from 'node:path';
import { RemoteError, UsageError, type ToolcribError } from '../core/errors.ts';
import type { ChangedPath } from './changed-paths.ts';
import { gitEnvironment } from './git-environment.ts';
import { literalPathspec } from './pathspec.ts';
import { readChanges } from './read-changes.ts';
import { disabledFilters } from './repository-filters.ts';
import { runGit, type GitEnd } from './run-git.ts';

export interface GitOptions {
  /** Of which git gets what it needs. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/** A commit and what git says of it. */
export interface Commit {
  /** In full. */
  readonly id: string;
  /** Committer's date, ISO 8601. */
  readonly date: string;
}

/**
 * A repository as seen from a folder of its work tree; it is only read. Whatever its configuration says, no program of
 * its choice runs and nothing is fetched: its content may be somebody's pull request.
 *
 * Every method throws RemoteError `STORAGE` when git fails for another reason than those that it names, and the signal's
 * reason.
 */
export interface GitRepository {
  /** The folder it was opened at, absolute. */
  readonly folder: string;
  /** Where the folder is, from the top of the work tree, with `/`; '' at the top. */
  readonly prefix: string;
  /** True when older history was left out when it was cloned. */
  readonly isShallow: boolean;
  /** The id of the commit that a name stands for; undefined when nothing has that name. */
  resolveCommit(name: string): Promise<string | undefined>;
  /** @returns undefined when the name stands for no commit. */
  readCommit(name: string): Promise<Commit | undefined>;
  /** Name of the branch that is checked out; undefined for a detached head. */
  currentBranch(): Promise<string | undefined>;
  /** The commit at which two histories parted; undefined when none is known, as in a shallow clone. */
  mergeBase(a: string, b: string): Promise<string | undefined>;
  /** True when `older` is in the history of `newer`. */
  isAncestor(older: string, newer: string): Promise<boolean>;
  /**
   * The newest commit after `from` and up to `to` that changed a path.
   * @param path absolute.
   */
  lastChange(from: string, to: string, path: string): Promise<string | undefined>;
  /**
   * Paths that differ between two commits, or, without `to`, between a commit and the work tree as it is: also what was
   * not committed or not even added yet. What is ignored does not count. Of a submodule its commit counts.
   * @param pathspecs relative to the folder; at least one.
   * @throws UsageError `CONFIG_INVALID` when git cannot read a pathspec.
   */
  changedPaths(from: string, to: string | undefined, pathspecs: readonly string[]): Promise<readonly ChangedPath[]>;
  /**
   * Paths of a commit, from the top of the work tree, with `/`.
   * @param pathspecs relative to the folder; at least one.
   * @throws UsageError `CONFIG_INVALID` when git cannot read a pathspec.
   */
  filesOf(commit: string, pathspecs: readonly string[]): Promise<readonly string[]>;
  /**
   * The text of a regular file of a commit.
   * @param path absolute.
   * @returns undefined when the commit has no regular file there, or the path is outside of the repository.
   */
  readFile(commit: string, path: string): Promise<string | undefined>;
  /**
   * Where a path is, from the top of the work tree, with `/`; undefined outside of it. Links are not resolved: git's
   * paths do not go through them.
   * @param path absolute.
   */
  pathInTree(path: string): string | undefined;
  /** The absolute path of one that is given from the top of the work tree. */
  absolutePath(pathInTree: string): string;
}

/** A file that is read from a commit is never larger, in bytes. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Opens the repository that a folder is in.
 * @throws UsageError `USAGE` when there is no git, no repository, or one that git does not trust; RemoteError `STORAGE`;
 * the signal's reason.
 */
export async function openRepository(folder: string, { env, signal }: GitOptions): Promise<GitRepository> {
  const unfiltered = gitEnvironment(env);
  const facts = ['rev-parse', '--is-inside-work-tree', '--is-shallow-repository', '--show-prefix'];
  const [answer, filters] = await Promise.all([
    runGit({ folder, env: unfiltered, args: facts, signal }),
    runGit({ folder, env: unfiltered, args: CONFIGURED_FILTERS, signal }),
  ]);
  if (answer.code !== 0) throw notOpened(folder, answer.stderr);
  const [inWorkTree, shallow, ...prefix] = answer.stdout.toString('utf8').split('\n');
  if (inWorkTree !== 'true') throw notOpened(folder, 'it is not in a work tree');
  const settings = disabledFilters(filters.stdout.toString('utf8'));
  const safe = settings.length === 0 ? unfiltered : gitEnvironment(env, settings);
  const run = (args: readonly string[], maxBytes?: number): Promise<GitEnd> =>
    runGit({ folder, env: safe, args, signal, ...(maxBytes !== undefined && { maxBytes }) });
  return repositoryOf({ folder, prefix: prefix.join('\n').replace(/\n$/, ''), isShallow: shallow === 'true' }, run);
}

const CONFIGURED_FILTERS = ['config', '--show-scope', '--null', '--get-regexp', String.raw`^filter\.`];

type Run = (args: readonly string[], maxBytes?: number) => Promise<GitEnd>;
type Place = Pick<GitRepository, 'folder' | 'prefix' | 'isShallow'>;

function repositoryOf(place: Place, run: Run): GitRepository {
  const git = async (args: readonly string[], maxBytes?: number): Promise<string> => {
    const end = await run(args, maxBytes);
    if (end.code !== 0) throw failed(place.folder, args, end);
    return end.stdout.toString('utf8');
  };
  const resolveCommit = async (name: string): Promise<string | undefined> => {
    // A name that starts with a dash would be an option, and no ref can be called so.
    if (name.startsWith('-') || name === '') return undefined;
    const end = await run(['rev-parse', '--verify', '--quiet', `${name}^{commit}`]);
    return end.code === 0 ? end.stdout.toString('utf8').trim() : undefined;
  };
  return {
    ...place,
    resolveCommit,
    async readCommit(name) {
      const id = await resolveCommit(name);
      if (id === undefined) return undefined;
      const date = await git(['show', '--no-patch', '--no-show-signature', '--no-notes', '--format=%cI', id]);
      return { id, date: date.trim() };
    },
    async currentBranch() {
      const end = await run(['symbolic-ref', '--quiet', '--short', 'HEAD']);
      return end.code === 0 ? end.stdout.toString('utf8').trim() : undefined;
    },
    async mergeBase(a, b) {
      const end = await run(['merge-base', a, b]);
      refuseBeyondOne(place.folder, 'merge-base', end);
      return end.code === 0 ? end.stdout.toString('utf8').trim() : undefined;
    },
    async isAncestor(older, newer) {
      const end = await run(['merge-base', '--is-ancestor', older, newer]);
      refuseBeyondOne(place.folder, 'merge-base', end);
      return end.code === 0;
    },
    async lastChange(from, to, path) {
      const inTree = pathInTree(place, path);
      if (inTree === undefined) return undefined;
      const id = await git(['rev-list', '--max-count=1', to, `^${from}`, '--', literalPathspec(inTree)]);
      return id.trim() === '' ? undefined : id.trim();
    },
    changedPaths: (from, to, pathspecs) => readable(readChanges(git, from, to, pathspecs), pathspecs),
    async filesOf(commit, pathspecs) {
      // Of all that lists a tree, only a diff takes pathspecs; git knows the tree of nothing without having it.
      const nothing = (await git(['hash-object', '-t', 'tree', '--stdin'])).trim();
      const added = await readable(readChanges(git, nothing, commit, pathspecs), pathspecs);
      return added.map(({ path }) => path);
    },
    async readFile(commit, path) {
      const inTree = pathInTree(place, path);
      if (inTree === undefined) return undefined;
      const entry = await git(['ls-tree', '-z', '--full-tree', commit, '--', `:(literal)${inTree}`]);
      const id = /^100\d{3} blob ([0-9a-f]+)\t/.exec(entry)?.[1];
      return id === undefined ? undefined : await git(['cat-file', 'blob', id], MAX_FILE_BYTES);
    },
    pathInTree: (path) => pathInTree(place, path),
    absolutePath: (path) => join(place.folder, posix.relative(place.prefix, path)),
  };
}

function pathInTree({ folder, prefix }: Place, path: string): string | undefined {
  const inTree = posix.join(prefix, relative(folder, path).split(sep).join('/'));
  return inTree === '..' || inTree.startsWith('../') || posix.isAbsolute(inTree) ? undefined : inTree;
}

/** Exit code 1 is a no, any higher one a failure. */
function refuseBeyondOne(folder: string, command: string, end: GitEnd): void {
  if (end.code > 1) throw failed(folder, [command], end);
}

/** Waits for a call that was given pathspecs of a user: git's objection to one is the user's to mend. */
async function readable<T>(call: Promise<T>, pathspecs: readonly string[]): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const said = error instanceof RemoteError ? error.details['git'] : undefined;
    if (typeof said !== 'string' || !/pathspec|outside repository/i.test(said)) throw error;
    throw new UsageError('CONFIG_INVALID', `git cannot read the pathspecs ${JSON.stringify(pathspecs)}: ${said}`, {
      hint: '"sources" in toolcrib.json takes git pathspecs, relative to its folder: gitglossary(7) explains them',
      cause: error,
    });
  }
}

function failed(folder: string, args: readonly string[], { code, stderr }: GitEnd): ToolcribError {
  const command = args[0] ?? '';
  const partial = /promisor|partial clone|lazy fetch|missing blob|bad object|unable to read/i.test(stderr);
  return new RemoteError('STORAGE', `git ${command} in ${folder} failed with ${code}: ${stderr}`, {
    hint: partial
      ? 'this clone lacks objects: fetch them ("git fetch --refetch origin" for a partial clone)'
      : 'look at that repository: "git fsck" and "git status" tell what is wrong with it',
    details: { folder, command, git: stderr },
  });
}

function notOpened(folder: string, stderr: string): UsageError {
  const details = { folder };
  if (/dubious ownership|safe\.directory/.test(stderr)) {
    return new UsageError('USAGE', `git does not trust the repository of ${folder}: it belongs to another user`, {
      hint: `if you do: git config --global --add safe.directory ${JSON.stringify(folder)} (or the folder above it)`,
      details,
    });
  }
  return new UsageError('USAGE', `${folder} is not in a git repository with a work tree: ${stderr}`, {
    hint: 'this needs the project in git: check it out, or "git init"',
    details,
  });
}
