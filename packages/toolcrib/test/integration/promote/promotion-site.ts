import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { buildWorkflow } from '../../../src/promote/workflows/build-workflow.ts';
import { actionsRoutes } from '../../servers/github/actions.ts';
import {
  createActionsState,
  zipOf,
  type ActionsState,
  type StoredPull,
  type StoredRun,
} from '../../servers/github/actions-state.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { sampleSettings } from '../../unit/workflows/sample-settings.ts';

export const TOKEN = 'ghp_planted0123456789abcdefghijklmnopqrst';
export const REPOSITORY = 'octo-org/demo';
export const WORKFLOW = '.github/workflows/build-tool-support.yml';
export const NAMES = ['demo-amd64-any-v2', 'demo-arm64-any-v2'] as const;

/** What CI built of version 2. */
export const BUILT: Readonly<Record<string, Buffer>> = {
  [NAMES[0]]: elfFile({ versions: [] }).fill(2, 0x1f00),
  [NAMES[1]]: elfFile({ machine: 183, versions: [] }).fill(2, 0x1f00),
};

export const shaOf = (letter: string): string => letter.repeat(40);

const CONFIG = { tool: 'demo', targets: ['amd64-any', 'arm64-any'], stores: ['file:./store'] };
const WORKFLOW_TEXT = buildWorkflow(sampleSettings());

export const sumsOf = (files: Readonly<Record<string, Uint8Array>>): string =>
  Object.entries(files)
    .map(([name, bytes]) => `${digestHex(digestOf(bytes))}  ${name}\n`)
    .join('');

/** A repository on a stand-in for GitHub, and a maintainer's checkout of its base branch. */
export interface PromotionSite extends AsyncDisposable {
  readonly project: ScratchProject;
  readonly github: GithubServer;
  readonly actions: ActionsState;
  readonly pull: StoredPull;
  readonly run: StoredRun;
  /** Changes files of a commit; undefined takes one away. */
  edit(sha: string, files: Readonly<Record<string, string | undefined>>): void;
  /** Makes a commit on another. */
  commit(sha: string, parent: string, files: Readonly<Record<string, string | undefined>>): void;
  /** The environment of the maintainer's shell. */
  readonly env: Readonly<Record<string, string>>;
}

export const BASE = shaOf('a');
export const BUILT_COMMIT = shaOf('b');
export const HEAD = shaOf('c');

/**
 * Pull request 7 of `dev` bumps version 1 to 2 in one commit, which run 100 built, and brings the sums in another, which
 * `maintainer` approved: everything that a promotion demands.
 */
export async function promotionSite(): Promise<PromotionSite> {
  const actions = createActionsState();
  const github = await startGithub({
    repositories: [{ name: REPOSITORY }],
    tokens: { [TOKEN]: 'write' },
    routes: actionsRoutes(actions),
  });
  const commit: PromotionSite['commit'] = (sha, parent, changes) => {
    const files = new Map(actions.commits.get(parent)?.files);
    apply(files, changes);
    const parents = actions.commits.has(parent) ? [parent] : [];
    actions.commits.set(sha, { sha, parents, files, date: '2026-03-01T12:00:00Z' });
  };
  commit(BASE, '', {
    'toolcrib.json': JSON.stringify(CONFIG),
    'tool-version.txt': '1\n',
    'main.c': 'v1',
    [WORKFLOW]: WORKFLOW_TEXT,
  });
  commit(BUILT_COMMIT, BASE, { 'main.c': 'v2', 'tool-version.txt': '2\n' });
  commit(HEAD, BUILT_COMMIT, { SHA256SUMS: sumsOf(BUILT) });
  actions.branches.set('main', BASE);
  actions.permissions.set('dev', 'write').set('maintainer', 'admin').set('guest', 'read');
  const pull: StoredPull = {
    number: 7,
    author: 'dev',
    state: 'open',
    merged: false,
    head: HEAD,
    headRepository: REPOSITORY,
    base: 'main',
    reviews: [{ user: 'maintainer', state: 'APPROVED', commit: HEAD }],
  };
  actions.pulls.set(7, pull);
  const run = await buildRun(100, BUILT_COMMIT);
  actions.runs.push(run, { ...(await buildRun(101, HEAD)), artifacts: [], jobs: SKIPPED });
  const project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n' });
  const git = (...args: string[]) => promisify(execFile)('git', ['-C', project.folder, ...args]);
  await git('init', '--quiet');
  await git('remote', 'add', 'origin', `${github.endpoint}/${REPOSITORY}.git`);
  const edit: PromotionSite['edit'] = (sha, changes) => {
    const { files, ...rest } = actions.commits.get(sha) ?? {
      files: new Map<string, string>(),
      sha,
      parents: [],
      date: '',
    };
    const changed = new Map(files);
    apply(changed, changes);
    actions.commits.set(sha, { ...rest, files: changed });
  };
  return {
    ...{ project, github, actions, pull, run, edit, commit },
    env: { GITHUB_TOKEN: TOKEN, GITHUB_SERVER_URL: github.endpoint },
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await github[Symbol.asyncDispose]();
    },
  };
}

function apply(files: Map<string, string>, changes: Readonly<Record<string, string | undefined>>): void {
  for (const [path, text] of Object.entries(changes)) {
    if (text === undefined) files.delete(path);
    else files.set(path, text);
  }
}

const SKIPPED = [
  { name: 'Detect what changed', conclusion: 'success' },
  { name: 'Build', conclusion: 'skipped' },
  { name: 'Compute SHA256SUMS', conclusion: 'skipped' },
  { name: 'Tool support', conclusion: 'failure' },
];

/** A run that built and reported that the release is not in the stores yet. */
export async function buildRun(id: number, commit: string): Promise<StoredRun> {
  const files = { ...Object.fromEntries(Object.entries(BUILT).map(([name, bytes]) => [name, { [name]: bytes }])) };
  const sums = { 'demo-v2-sums': { SHA256SUMS: sumsOf(BUILT), 'SHA256SUMS.patch': '' } };
  const artifacts = await Promise.all(
    Object.entries({ ...files, ...sums }).map(async ([name, content], index) => ({
      id: id * 10 + index,
      name,
      zip: await zipOf(content),
      expired: false,
    })),
  );
  return {
    ...{ id, commit, artifacts, event: 'pull_request', status: 'completed', conclusion: 'failure' },
    path: WORKFLOW,
    headRepository: REPOSITORY,
    pulls: [7],
    jobs: [
      { name: 'Detect what changed', conclusion: 'success' },
      { name: 'Build amd64-any', conclusion: 'success' },
      { name: 'Build arm64-any', conclusion: 'success' },
      { name: 'Compute SHA256SUMS', conclusion: 'success' },
      { name: 'Tool support', conclusion: 'failure' },
      { name: 'Comment on the pull request', conclusion: 'success' },
    ],
  };
}

/** Path of a file of the maintainer's checkout. */
export const inCheckout = ({ project }: PromotionSite, path: string): string => join(project.folder, path);
