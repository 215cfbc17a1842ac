import type { ProjectConfig } from '../config/config.ts';
import { UsageError } from '../core/errors.ts';
import type { ChangedPath } from '../git/changed-paths.ts';
import { literalPathspec } from '../git/pathspec.ts';
import { differentSettings, type BuildSetting } from './build-settings.ts';
import type { MergeBase } from './choose-base.ts';
import { readConfigOf, readEarlierConfig, type ConfigSources, type EarlierConfig } from './earlier-config.ts';
import type { Freshness } from './judge-sums.ts';
import type { VersionReading } from './judge-version.ts';
import { readProjectText, readVersionText, type ProjectText } from './project-file.ts';
import { verifyIsFile, verifyPlace } from './project-place.ts';
import { rebasePathspec } from './rebase-pathspec.ts';
import { sourcePathspecs } from './source-pathspecs.ts';
import { noticesBetween, type Notice } from './watched-settings.ts';

/** What facts are read from. */
export interface FactSources extends ConfigSources {
  readonly base: MergeBase;
  /** The checked out commit. */
  readonly head: string;
}

/** Files as people are told of them: from the top of the repository, or absolute outside of it. */
export interface FileNames {
  readonly version: string;
  readonly sums: string;
}

/** Everything that git and the work tree say, taken as if all of the work tree were committed. */
export interface MergeFacts {
  readonly names: FileNames;
  /** Files that ship and differ from what the change began with. */
  readonly changedPaths: readonly ChangedPath[];
  /** Keys of `toolcrib.json` that decide the bytes and differ. */
  readonly changedSettings: readonly BuildSetting[];
  /** What a reviewer should know of the others; none where nobody can compare. */
  readonly notices: readonly Notice[];
  /** True when the base has no version yet, which makes everything new. */
  readonly isNew: boolean;
  /** True when something that the gate looks at is not committed. */
  readonly uncommitted: boolean;
  readonly version: {
    readonly head: VersionReading;
    /** What the change began with. */
    readonly base: { readonly version: number; readonly text: string } | undefined;
    /** What the base has by now. */
    readonly tip: number | undefined;
  };
  readonly sums: {
    readonly head: ProjectText;
    /** What HEAD has. */
    readonly committed: string | undefined;
    /** What the change began with. */
    readonly base: string | undefined;
    readonly freshness: Freshness;
  };
}

/**
 * Reads what the decisions are made on. What is a source is said by the configuration of both sides: a change cannot
 * take its own files out of the gate.
 * @throws UsageError `CONFIG_INVALID` for pathspecs that git cannot read; RemoteError `STORAGE`; the signal's reason.
 */
export async function readMergeFacts(sources: FactSources): Promise<MergeFacts> {
  const { config, base } = sources;
  await verifyInRepository(sources);
  const before = await readEarlierConfig(base.mergeBase, sources);
  const context: Context = { ...sources, before, names: namesOf(sources) };
  const [changedPaths, version, sums, uncommitted] = await Promise.all([
    pathsBetween(context, base.mergeBase, undefined),
    readVersions(context),
    readSums(context),
    hasUncommitted(context),
  ]);
  const isNew = version.base === undefined;
  return {
    names: context.names,
    changedPaths,
    changedSettings: isNew ? [] : settingsBetween(config, before),
    notices: 'config' in before ? noticesBetween(before.config, config) : [],
    isNew,
    uncommitted,
    version,
    sums,
  };
}

interface Context extends FactSources {
  readonly before: EarlierConfig;
  readonly names: FileNames;
}

/** What nobody can compare counts as different: the gate asks for one version too many rather than for one too few. */
function settingsBetween(config: ProjectConfig, before: EarlierConfig): readonly BuildSetting[] {
  if ('config' in before) return differentSettings(before.config, config);
  return before.kind === 'unreadable' ? ['tool', 'targets', 'build', 'entrypoint', 'healthcheck'] : [];
}

/** Files that ship and differ, by the pathspecs of both configurations; each once, sorted. */
async function pathsBetween(
  { config, before, repository }: Context,
  from: string,
  to: string | undefined,
): Promise<readonly ChangedPath[]> {
  const configs = before.kind === 'read' ? [config, before.config] : [config];
  const contains = (path: string): boolean => repository.pathInTree(path) !== undefined;
  const ofConfig = (each: ProjectConfig): readonly string[] => {
    const folder = repository.pathInTree(each.folder) ?? '';
    return sourcePathspecs(each, contains).map((pathspec) => rebasePathspec(pathspec, folder));
  };
  const specs = new Map(configs.map(ofConfig).map((each) => [each.join('\0'), each]));
  const changed = await Promise.all([...specs.values()].map((each) => repository.changedPaths(from, to, each)));
  const byPath = new Map(changed.flat().map((each) => [each.path, each]));
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function readVersions(context: Context): Promise<MergeFacts['version']> {
  const { config, base, before, names } = context;
  const earlierFile = 'config' in before ? before.config.versionFile : config.versionFile;
  const [head, earlier, tip] = await Promise.all([
    readProjectText(config.versionFile, names.version),
    versionOf(context, base.mergeBase, earlierFile),
    versionOf(context, base.commit, earlierFile),
  ]);
  return { head: readVersionText(head, names.version), base: earlier, tip: tip?.version };
}

async function versionOf(
  { repository, names }: Context,
  commit: string,
  path: string,
): Promise<{ readonly version: number; readonly text: string } | undefined> {
  const text = await repository.readFile(commit, path);
  const reading = readVersionText({ text, problem: undefined }, names.version);
  return 'problem' in reading ? undefined : reading;
}

async function readSums(context: Context): Promise<MergeFacts['sums']> {
  const { config, repository, base, before, head: commit, names } = context;
  const earlierFile = 'config' in before ? before.config.sumsFile : config.sumsFile;
  const [head, committed, earlier] = await Promise.all([
    readProjectText(config.sumsFile, names.sums),
    repository.readFile(commit, config.sumsFile),
    repository.readFile(base.mergeBase, earlierFile),
  ]);
  const freshness: Freshness = head.text === committed ? await freshnessOf(context) : { kind: 'uncommitted' };
  return { head, committed, base: earlier, freshness };
}

/** Whether the sums that are committed are still those of the sources: see {@link Freshness}. */
async function freshnessOf(context: Context): Promise<Freshness> {
  const { config, repository, base, head } = context;
  const commit = await repository.lastChange(base.mergeBase, head, config.sumsFile);
  if (commit === undefined) return { kind: 'none' };
  const parent = await repository.resolveCommit(`${commit}^`);
  if (await shippingChanged(context, commit, undefined)) return { kind: 'stale', commit, parent };
  const together = parent === undefined || (await builtOtherwise(context, parent, commit));
  return { kind: together ? 'together' : 'current', commit, parent };
}

/** Whether a build of one commit may give other bytes than one of the next: by its sources, or by the version in them. */
async function builtOtherwise(context: Context, parent: string, commit: string): Promise<boolean> {
  const { repository, config } = context;
  const [before, after] = await Promise.all(
    [parent, commit].map((each) => repository.readFile(each, config.versionFile)),
  );
  return before !== after || (await shippingChanged(context, parent, commit));
}

/** Whether anything that ships differs between a commit and another, or the work tree. */
async function shippingChanged(context: Context, from: string, to: string | undefined): Promise<boolean> {
  if ((await pathsBetween(context, from, to)).length > 0) return true;
  const { config } = context;
  const earlier = await readConfigOf(from, config.file, context);
  const later: EarlierConfig =
    to === undefined ? { kind: 'read', config } : await readConfigOf(to, config.file, context);
  if (!('config' in later)) return earlier.kind !== later.kind;
  return earlier.kind === 'none' || settingsBetween(later.config, earlier).length > 0;
}

async function hasUncommitted(context: Context): Promise<boolean> {
  const { config, repository, head } = context;
  const files = [config.file, config.versionFile, config.sumsFile].map((path) => repository.pathInTree(path));
  const pathspecs = files.flatMap((path) => (path === undefined ? [] : [literalPathspec(path)]));
  const [sources, own] = await Promise.all([
    pathsBetween(context, head, undefined),
    repository.changedPaths(head, undefined, pathspecs),
  ]);
  return sources.length > 0 || own.length > 0;
}

/** What is compared with the base has to be under git. @throws UsageError `CONFIG_INVALID`; RemoteError `STORAGE`. */
async function verifyInRepository({ config, repository }: FactSources): Promise<void> {
  const outside = [config.versionFile, config.sumsFile].find((path) => repository.pathInTree(path) === undefined);
  if (outside !== undefined) {
    throw new UsageError('CONFIG_INVALID', `${outside} is outside of the repository that ${config.file} is in`, {
      hint: 'version file and sums file have to be in git with the sources: change "versionFile" or "sumsFile"',
      details: { path: outside },
    });
  }
  for (const path of [config.file, config.versionFile, config.sumsFile]) await verifyPlace(path, repository);
  await verifyIsFile(config.file);
}

function namesOf({ config, repository }: FactSources): FileNames {
  const nameOf = (path: string): string => repository.pathInTree(path) ?? path;
  return { version: nameOf(config.versionFile), sums: nameOf(config.sumsFile) };
}
