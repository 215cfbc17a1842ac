import { existsSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import type { ProjectConfig } from '../config/config.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { ifThere, readSmallText } from '../disk/small-file.ts';
import { createSmallFileOnce, ensureDirectory } from '../disk/write-file.ts';
import { buildWorkflow } from '../promote/workflows/build-workflow.ts';
import { promoteWorkflow } from '../promote/workflows/promote-workflow.ts';
import { workflowDoubts } from '../promote/workflows/workflow-doubts.ts';
import {
  BUILD_WORKFLOW,
  PROMOTE_WORKFLOW,
  WORKFLOW_FOLDER,
  type Installation,
  type WorkflowSettings,
} from '../promote/workflows/workflow-settings.ts';
import type { Host } from './host.ts';
import { readOrigin } from './open-github.ts';
import { configOf, type Project } from './project.ts';

/** What {@link initWorkflows} did: absolute paths. */
export interface InitializedWorkflows {
  readonly written: readonly string[];
  /** Files that were there with the same text. */
  readonly unchanged: readonly string[];
  /** Names of the secrets that the protected environment has to have. */
  readonly secrets: readonly string[];
}

/** Lock files of large repositories have some MiB. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
const LOCK_FILES = ['package-lock.json', 'npm-shrinkwrap.json'];

/**
 * Writes the two workflows of a project into its repository. A file that is there with another text is not touched: then
 * nothing is written at all.
 * @param toolcrib the version that jobs use where the project's lock file does not name one.
 * Warns of what would not do what its author expects.
 * @throws UsageError `USAGE` without a configuration, for a toolcrib that nobody published, outside a repository, for a
 * file in the way or a path that a workflow cannot name; RemoteError `STORAGE`; the signal's reason.
 */
export async function initWorkflows(project: Project, host: Host, toolcrib: string): Promise<InitializedWorkflows> {
  const config = configOf(project, 'init --github');
  const root = repositoryOf(config.folder);
  const settings = await settingsOf(config, host, { root, toolcrib });
  const folder = join(root, WORKFLOW_FOLDER);
  const files = [
    { path: join(folder, BUILD_WORKFLOW), text: buildWorkflow(settings) },
    { path: join(folder, PROMOTE_WORKFLOW), text: promoteWorkflow(settings) },
  ];
  const there = await Promise.all(files.map(({ path }) => textOf(path)));
  const foreign = files.find(({ text }, index) => there[index] !== undefined && there[index] !== text);
  if (foreign !== undefined) throw inTheWay(foreign.path);
  for (const doubt of workflowDoubts(settings, config.attestation)) {
    host.reporter.notice({ kind: 'warning', ...doubt });
  }
  await ensureDirectory(folder);
  const written: string[] = [];
  for (const { path, text } of files) {
    if ((await createSmallFileOnce(path, text, { signal: host.signal })) === 'created') written.push(path);
  }
  const unchanged = files.map(({ path }) => path).filter((path) => !written.includes(path));
  return { written, unchanged, secrets: secretsIn(files.map(({ text }) => text).join('')) };
}

function secretsIn(text: string): readonly string[] {
  const names = [...text.matchAll(/\$\{\{ secrets\.(?<name>[A-Z_]+) \}\}/g)].flatMap(
    ({ groups }) => groups?.['name'] ?? [],
  );
  return [...new Set(names)].sort();
}

/** The folder at or above a project that git calls a work tree. */
function repositoryOf(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) !== at) continue;
    throw new UsageError('USAGE', `${folder} is in no git repository: workflows stand at the top of one`, {
      hint: 'run "git init" at the top of the project, then again "toolcrib init --github"',
    });
  }
}

async function settingsOf(
  config: ProjectConfig,
  host: Host,
  { root, toolcrib }: { readonly root: string; readonly toolcrib: string },
): Promise<WorkflowSettings> {
  const { tool, targets, stores } = config;
  const lockFile = lockFileOf(config.folder, root);
  const folder = lockFile === undefined ? config.folder : dirname(lockFile);
  return {
    tool,
    targets,
    stores,
    repository: (await readOrigin(host, config.folder)).address,
    installation: await installationOf(lockFile, toolcrib),
    folder: slashes(relative(root, folder)),
    config: slashes(relative(folder, config.file)),
    binaries: pathInRepository(root, config.binaries),
  };
}

/** @throws UsageError `USAGE` for a folder outside: a job could not keep what is in it. */
function pathInRepository(root: string, path: string): string {
  const inside = slashes(relative(root, path));
  if (inside !== '' && !inside.startsWith('../') && inside !== '..') return inside;
  throw new UsageError('USAGE', `the binaries folder ${path} is not inside the repository ${root}`, {
    hint: 'set "binaries" in toolcrib.json to a folder in it, e.g. "binaries"',
  });
}

function lockFileOf(folder: string, root: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    const found = LOCK_FILES.map((name) => join(at, name)).find((path) => existsSync(path));
    if (found !== undefined || at === root) return found;
  }
}

/** Of a checkout: nobody published it. */
const UNPUBLISHED = '0.0.0';

/** @throws UsageError `USAGE` when jobs would take what a stranger may publish as a version that nobody has. */
async function installationOf(lockFile: string | undefined, version: string): Promise<Installation> {
  if (lockFile !== undefined && (await locks(lockFile, 'node_modules/toolcrib'))) return { kind: 'locked' };
  if (version !== UNPUBLISHED) return { kind: 'pinned', version, lockFile: lockFile !== undefined };
  const what = `no lock file of npm has toolcrib, and this one is of a checkout: nobody published version ${version}`;
  throw new UsageError('USAGE', `${what}. Whoever did would run in jobs that may write`, {
    hint: 'make a package with "npm pack", keep it in the repository, and "npm install --save-dev ./FILE.tgz"',
  });
}

/** Whether npm installs something there: package-lock.json, "packages" (npm's documentation). */
async function locks(lockFile: string, place: string): Promise<boolean> {
  try {
    const lock: unknown = JSON.parse((await textOf(lockFile)) ?? '{}');
    if (typeof lock !== 'object' || lock === null || !('packages' in lock)) return false;
    return typeof lock.packages === 'object' && lock.packages !== null && Object.hasOwn(lock.packages, place);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UsageError('USAGE', `${lockFile} is not JSON: ${messageOf(error)}`, {
      hint: '"npm install" writes it anew',
    });
  }
}

const slashes = (path: string): string => path.split(sep).join('/');

function inTheWay(path: string): UsageError {
  return new UsageError('USAGE', `${path} is there already, with another text`, {
    hint: `init never overwrites: compare what is there with a new one by moving ${basename(path)} away first`,
    details: { path },
  });
}

/** Undefined when nothing is there. */
async function textOf(path: string): Promise<string | undefined> {
  return await ifThere(readSmallText(path, MAX_FILE_BYTES));
}
