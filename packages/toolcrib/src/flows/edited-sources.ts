import { lstat } from 'node:fs/promises';
import { basename } from 'node:path';
import { differentSettings } from '../check/build-settings.ts';
import { findBase, type BranchTip } from '../check/choose-base.ts';
import { readConfigOf } from '../check/earlier-config.ts';
import { sourcePathspecs } from '../check/source-pathspecs.ts';
import type { ProjectConfig } from '../config/config.ts';
import { configFrom } from '../config/read-config.ts';
import { readPins, readVersion } from '../config/read-pins.ts';
import { hasCode, isSystemError, messageOf } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { pinOf } from '../core/sums.ts';
import { parseVersionFile } from '../core/version.ts';
import { onDisk } from '../disk/storage-error.ts';
import type { ChangedPath } from '../git/changed-paths.ts';
import { literalPathspec } from '../git/pathspec.ts';
import { openRepository, type GitRepository } from '../git/repository.ts';
import type { Installation } from '../resolve/install-state.ts';
import type { Host } from './host.ts';

/** A checkout, and the commit that it is compared with. */
interface Compared {
  readonly config: ProjectConfig;
  readonly repository: GitRepository;
  readonly head: string;
  /** Where the histories of HEAD and the base branch parted; the base branch itself where a clone does not know that. */
  readonly from: string;
  /** The base branch as it was found, e.g. `origin/main`. */
  readonly ref: string;
}

/**
 * Whether anybody edited a checkout: sources, version or build settings differ from what the freshest of `origin/BASE` and
 * `BASE` had when the two parted, committed or not. What is published already is no edit any more: pins of this very
 * version, written after the last change, say which bytes these sources are.
 * @returns `clean` also where git cannot tell.
 * @throws UsageError `CONFIG_INVALID` for pathspecs that git cannot read, `VERSION_INVALID`; the signal's reason.
 */
export async function judgeCheckout(config: ProjectConfig, host: Host): Promise<Installation> {
  try {
    const compared = await compare(config, host);
    return 'state' in compared ? compared : await judge(compared);
  } catch (error) {
    if (!hasCode(error, 'USAGE', 'STORAGE')) throw error;
    return clean(`git cannot tell whether it was edited: ${messageOf(error)}`);
  }
}

function clean(reason: string): Installation {
  return { state: 'clean', reason };
}

async function compare(config: ProjectConfig, { env, signal }: Host): Promise<Compared | Installation> {
  const repository = await openRepository(config.folder, { env, signal });
  const [head, base] = await Promise.all([repository.resolveCommit('HEAD'), baseOf(repository, config.baseBranch)]);
  if (head === undefined) return clean('the repository has no commit yet');
  if (base === undefined) return clean(`the repository has no branch ${config.baseBranch} to compare with`);
  const parted = head === base.commit ? head : await repository.mergeBase(base.commit, head);
  return { config, repository, head, from: parted ?? base.commit, ref: base.ref };
}

async function baseOf(repository: GitRepository, baseBranch: string): Promise<BranchTip | undefined> {
  try {
    return await findBase(repository, { given: undefined, githubBaseRef: undefined, baseBranch });
  } catch (error) {
    if (hasCode(error, 'USAGE')) return undefined;
    throw error;
  }
}

async function judge(compared: Compared): Promise<Installation> {
  const { config, ref } = compared;
  const [paths, others] = await Promise.all([changedSources(compared, compared.from), otherChanges(compared)]);
  const changes = [...others, ...paths.map(({ path }) => printable(path))];
  if (changes.length === 0) return clean(`nothing that ships differs from ${ref}`);
  const version = await pinnedFor(compared, paths);
  if (version !== undefined) return clean(`${basename(config.sumsFile)} pins v${version} as it is here`);
  return { state: 'edited', reason: `${listed(changes)} ${changes.length === 1 ? 'differs' : 'differ'} from ${ref}` };
}

/** So many changes are named, the rest is counted. */
const SHOWN = 3;

function listed(changes: readonly string[]): string {
  const rest = changes.length - SHOWN;
  return `${changes.slice(0, SHOWN).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** Sources that differ between a commit and the work tree. */
async function changedSources({ config, repository }: Compared, from: string): Promise<readonly ChangedPath[]> {
  const contains = (path: string): boolean => repository.pathInTree(path) !== undefined;
  return await repository.changedPaths(from, undefined, sourcePathspecs(config, contains));
}

/**
 * What differs beside the sources, in words. What git ignores or does not have, such as a project in a folder of build
 * results, it does not tell of.
 */
async function otherChanges(compared: Compared): Promise<readonly string[]> {
  const { config, repository, from } = compared;
  const files = [config.versionFile, config.file].filter((path) => repository.pathInTree(path) !== undefined);
  const specs = files.map((path) => literal(repository, path));
  const changed = specs.length === 0 ? [] : await repository.changedPaths(from, undefined, specs);
  const isChanged = (file: string): boolean => changed.some(({ path }) => path === repository.pathInTree(file));
  const [version, settings] = await Promise.all([
    isChanged(config.versionFile) ? versionSince(compared, from) : [],
    isChanged(config.file) ? settingsSince(compared, from) : [],
  ]);
  return [...version, ...settings.map((key) => `"${key}" of ${basename(config.file)}`)];
}

/** Nothing when only its spelling differs. */
async function versionSince(compared: Compared, from: string): Promise<readonly string[]> {
  const [here, there] = await Promise.all([readVersion(compared.config), versionIn(compared, from)]);
  return here === there ? [] : [`the version (${there ?? 'none'} there, ${here} here)`];
}

async function versionIn({ config, repository }: Compared, commit: string): Promise<number | undefined> {
  const text = await repository.readFile(commit, config.versionFile);
  try {
    return text === undefined ? undefined : parseVersionFile(text, config.versionFile);
  } catch (error) {
    if (hasCode(error, 'VERSION_INVALID')) return undefined;
    throw error;
  }
}

/** Keys of the configuration that decide the bytes; none when the commit had none that can be read. */
async function settingsSince({ config, repository }: Compared, commit: string): Promise<readonly string[]> {
  const earlier = await readConfigOf(commit, config.file, { config, repository, parseConfig: configFrom });
  return earlier.kind === 'read' ? differentSettings(earlier.config, config) : [];
}

/**
 * The version, when it is new and its pins were written for what is here: in a commit since which nothing that ships
 * changed, or, before they are committed, after the last change of any source. Of a source that was deleted nobody knows
 * when.
 */
async function pinnedFor(compared: Compared, paths: readonly ChangedPath[]): Promise<number | undefined> {
  const { config, repository, head, from } = compared;
  const version = await pinnedVersion(config);
  if (version === undefined || repository.pathInTree(config.sumsFile) === undefined) return undefined;
  const uncommitted = await repository.changedPaths(head, undefined, [literal(repository, config.sumsFile)]);
  if (uncommitted.length > 0) return (await areOlder(compared, paths)) ? version : undefined;
  const commit = await repository.lastChange(from, head, config.sumsFile);
  if (commit === undefined) return undefined;
  const [sources, settings] = await Promise.all([changedSources(compared, commit), settingsSince(compared, commit)]);
  return sources.length === 0 && settings.length === 0 ? version : undefined;
}

function literal(repository: GitRepository, path: string): string {
  return literalPathspec(repository.pathInTree(path) ?? path);
}

/** The version of the version file, when every target of it is pinned. */
async function pinnedVersion(config: ProjectConfig): Promise<number | undefined> {
  try {
    const { tool, version, sums } = await readPins(config);
    const isPinned = config.targets.every((target) => pinOf(sums, { tool, version, target, dev: false }) !== undefined);
    return isPinned ? version : undefined;
  } catch (error) {
    if (hasCode(error, 'SUMS_INVALID')) return undefined;
    throw error;
  }
}

/** By the time that no program sets: that of the last change of an inode. */
async function areOlder({ config, repository }: Compared, paths: readonly ChangedPath[]): Promise<boolean> {
  const pinned = await changeTime(config.sumsFile);
  const times = await Promise.all(paths.map(({ path }) => changeTime(repository.absolutePath(path))));
  return pinned !== undefined && times.every((time) => time !== undefined && time <= pinned);
}

/** In milliseconds; undefined when nothing is there. */
async function changeTime(path: string): Promise<number | undefined> {
  return await onDisk('examine', path, async () => {
    try {
      return (await lstat(path)).ctimeMs;
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  });
}
