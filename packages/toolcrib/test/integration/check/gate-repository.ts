import { execFile } from 'node:child_process';
import { appendFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { parseReleaseManifest, sumsOfManifest } from '../../../src/core/release.ts';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { formatSums } from '../../../src/core/sums.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';

/** The layout of inspect_ai's sandbox tools: sources here, version file and pins there, tests and documents that do not ship. */
export const TOOL = 'inspect-sandbox-tools';
export const HOME = 'src/inspect_ai/tool/_sandbox_tools_utils';
export const VERSION_FILE = `${HOME}/sandbox_tools_version.txt`;
export const SUMS_FILE = `${HOME}/SHA256SUMS`;
export const SOURCE = 'src/inspect_sandbox_tools/src/inspect_sandbox_tools/_cli/main.py';
export const TARGETS = ['amd64', 'amd64-musl', 'arm64', 'arm64-musl'];
export const CONFIG = {
  tool: TOOL,
  versionFile: VERSION_FILE,
  sumsFile: SUMS_FILE,
  binaries: 'src/inspect_ai/binaries',
  sources: [
    'src/inspect_sandbox_tools',
    ':(exclude)src/inspect_sandbox_tools/tests',
    ':(exclude)src/inspect_sandbox_tools/design',
    ':(exclude,glob)src/inspect_sandbox_tools/**/*.md',
  ],
  targets: TARGETS,
  build: { driver: 'command', command: './build.sh' },
};

const FILES: Readonly<Record<string, string>> = {
  '.gitignore': '/src/inspect_ai/binaries/\n',
  'README.md': 'inspect\n',
  [SOURCE]: 'print("tools")\n',
  'src/inspect_sandbox_tools/pyproject.toml': '[project]\n',
  'src/inspect_sandbox_tools/AGENTS.md': 'agents\n',
  'src/inspect_sandbox_tools/design/RELEASING.md': 'release\n',
  'src/inspect_sandbox_tools/design/container.svg': '<svg/>\n',
  'src/inspect_sandbox_tools/tests/test_exec.py': 'def test(): pass\n',
  'src/inspect_ai/tool/_tools/_bash.py': 'def bash(): pass\n',
  'tests/tools/test_bash.py': 'def test(): pass\n',
};

/** A repository whose `main`, also known as `origin/main`, has version 27 pinned and published in a directory store. */
export interface GateRepository extends AsyncDisposable {
  /** The work tree. */
  readonly folder: string;
  readonly store: string;
  git(...args: readonly string[]): Promise<string>;
  write(path: string, text: string): Promise<void>;
  read(path: string): Promise<string>;
  append(path: string, text: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Commits everything that is not ignored. */
  commit(message: string): Promise<string>;
  /** Changes the configuration. */
  configure(changes: Readonly<Record<string, unknown>>): Promise<void>;
  /** Publishes a version: other seeds, other bytes. @returns the text of its sums. */
  publish(version: number, seed?: string): Promise<string>;
  check(args?: readonly string[], env?: Readonly<Record<string, string>>): Promise<CheckEnd>;
}

/** How `toolcrib check --json` ended. */
export interface CheckEnd extends CliEnd {
  readonly verdict: string;
  /** Outcome of each rule, e.g. `{ sources: 'ok', version: 'failed', … }`; stores by their place: `store`, `store 2`. */
  readonly outcomes: Readonly<Record<string, string>>;
  /** What each rule said, and what is to be done. */
  readonly said: Readonly<Record<string, string>>;
  readonly document: Readonly<Record<string, unknown>>;
}

const AUTHOR = {
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'C',
  GIT_COMMITTER_EMAIL: 'c@example.org',
  GIT_CONFIG_NOSYSTEM: '1',
};

let template: Promise<string> | undefined;

/** A fresh copy; on a branch of its own, so that what is committed is a change against `origin/main`. */
export async function gateRepository(): Promise<GateRepository> {
  const scratch = await scratchProject();
  template ??= makeTemplate();
  await cp(await template, scratch.folder, { recursive: true });
  const repository = repositoryAt(scratch.folder, async () => await scratch[Symbol.asyncDispose]());
  await repository.configure({ stores: [`file:${repository.store}`] });
  await repository.git('commit', '--quiet', '--amend', '--all', '--no-edit');
  await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
  await repository.git('checkout', '--quiet', '-b', 'change');
  return repository;
}

/** Removes what all copies are made of; for `afterAll`. */
export async function removeTemplate(): Promise<void> {
  if (template !== undefined) await rm(await template, { recursive: true, force: true });
  template = undefined;
}

async function makeTemplate(): Promise<string> {
  const { folder } = await scratchProject();
  await mkdir(join(folder, 'work'));
  await mkdir(join(folder, 'store'));
  const repository = repositoryAt(folder, () => Promise.resolve());
  await repository.git('init', '--quiet', '--initial-branch=main');
  for (const [path, text] of Object.entries(FILES)) await repository.write(path, text);
  await repository.write('toolcrib.json', JSON.stringify(CONFIG));
  await repository.write(VERSION_FILE, '27\n');
  await repository.write(SUMS_FILE, await repository.publish(27));
  await repository.commit('main');
  return folder;
}

/** @param root holds the work tree and the store. */
export function repositoryAt(root: string, dispose: () => Promise<void>, work = 'work'): GateRepository {
  const folder = join(root, work);
  const store = join(root, 'store');
  const git: GateRepository['git'] = async (...args) =>
    (await promisify(execFile)('git', args, { cwd: folder, env: { ...process.env, ...AUTHOR } })).stdout.trim();
  const read: GateRepository['read'] = (path) => readFile(join(folder, path), 'utf8');
  const write: GateRepository['write'] = async (path, text) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  return {
    folder,
    store,
    git,
    read,
    write,
    append: (path, text) => appendFile(join(folder, path), text),
    remove: (path) => rm(join(folder, path), { recursive: true }),
    async commit(message) {
      await git('add', '--all');
      await git('commit', '--quiet', '--allow-empty', '--message', message);
      return await git('rev-parse', 'HEAD');
    },
    async configure(changes) {
      const config: unknown = JSON.parse(await read('toolcrib.json'));
      if (typeof config !== 'object') throw new Error('toolcrib.json is no object');
      await write('toolcrib.json', JSON.stringify({ ...config, ...changes }));
    },
    publish: (version, seed = '') => publishTo(store, version, seed),
    check: async (args = [], env = {}) => judged(await toolcrib(['check', '--json', ...args], { cwd: folder, env })),
    [Symbol.asyncDispose]: dispose,
  };
}

/** Publishes artifacts of a few bytes: a store does not look into them. */
export async function publishTo(directory: string, version: number, seed: string): Promise<string> {
  const store = openDirectoryStore(
    { kind: 'directory', url: `file:${directory}`, directory },
    { folder: '/', clock: systemClock },
  );
  const files = join(directory, '..', `artifacts-${version}-${seed}`);
  await mkdir(files, { recursive: true });
  const artifacts = await Promise.all(
    TARGETS.map(parseTarget).map(async (target) => {
      const name = formatArtifactName({ tool: TOOL, version, target, dev: false });
      const content = Buffer.from(`${name} ${seed}`);
      const path = join(files, name);
      await writeFile(path, content);
      const measured = { digest: digestOf(content), size: content.byteLength };
      return { name, target, path, ...measured, glibcFloor: null, mediaType: 'application/octet-stream' };
    }),
  );
  await publishRelease({
    tool: TOOL,
    version,
    targets: TARGETS.map(parseTarget),
    artifacts,
    source: { commit: null, date: null },
    store,
    dryRun: false,
    reporter: silentReporter,
  });
  const manifest = await readFile(join(directory, `${TOOL}-v${version}.json`), 'utf8');
  return formatSums(sumsOfManifest(parseReleaseManifest(manifest, 'the manifest')));
}

function judged(end: CliEnd): CheckEnd {
  const document: unknown = documentOf(end);
  const rules = isRecord(document) && Array.isArray(document['rules']) ? document['rules'].filter(isRecord) : [];
  const keys = rules.map(({ rule }, index) => {
    const before = rules.slice(0, index).filter((each) => each['rule'] === rule).length;
    return before === 0 ? String(rule) : `${String(rule)} ${before + 1}`;
  });
  return {
    ...end,
    document: isRecord(document) ? document : {},
    verdict: isRecord(document) ? String(document['verdict']) : '',
    outcomes: Object.fromEntries(rules.map(({ outcome }, index) => [keys[index] ?? '', String(outcome)])),
    said: Object.fromEntries(
      rules.map(({ message, todo }, index) => [keys[index] ?? '', `${String(message)} | ${String(todo)}`]),
    ),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
