import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { archFrom } from '../../../src/core/target.ts';
import { actionsRoutes } from '../../servers/github/actions.ts';
import { createActionsState, type ActionsState, type StoredRun } from '../../servers/github/actions-state.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { runWorkflow, type EndedJob } from '../../servers/github/runner.ts';
import { identityToken, startSigstore, type SigstoreInstance } from '../../servers/sigstore.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { toolcrib, type CliEnd } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { readWorkflow } from '../../unit/workflows/workflow-document.ts';

export const REPOSITORY = 'octo-org/synthetic';
export const TOKENS = {
  read: 'ghs_read0123456789abcdefghijklmnopqrstuv',
  write: 'ghs_write0123456789abcdefghijklmnopqrst',
};
export const PERSON = 'ghp_person0123456789abcdefghijklmnopqrstuv';
export const NATIVE = archFrom(process.arch) ?? 'amd64';
export const OTHER = NATIVE === 'amd64' ? 'arm64' : 'amd64';

const BUILD = `case "$TOOLCRIB_ARCH" in
  ${NATIVE}) gcc -static -Os -s -DTOOL_VERSION="$TOOLCRIB_VERSION" -o "$TOOLCRIB_OUTPUT" tool.c ;;
  *) cp other.bin "$TOOLCRIB_OUTPUT" ;;
esac`;

/** A repository, its workflows, a developer's and a maintainer's checkout, and everything around them. */
export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly checkout: string;
  readonly actions: ActionsState;
  readonly github: GithubServer;
  readonly sigstore: SigstoreInstance;
  readonly git: (...args: readonly string[]) => Promise<string>;
  /** Commits everything, pushes it to a branch, and tells the stand-in. @returns the commit. */
  push(branch: string, message: string): Promise<string>;
  /** A person's command line. */
  readonly cli: (...args: readonly string[]) => Promise<CliEnd>;
  /** Runs the build workflow for pull request 7. */
  build(id: number, options?: { readonly fork?: boolean }): Promise<readonly EndedJob[]>;
  /** Runs the promote workflow. */
  promote(id: number, inputs: { readonly pr: string; readonly rebuild?: boolean }): Promise<readonly EndedJob[]>;
}

/** What differs from a project whose store is a folder, and whose policy demands nothing. */
export interface StageOptions {
  readonly stores?: readonly string[];
  /** `attestation` of `toolcrib.json`, once version 1 is published; the root is that of the stage's Sigstore. */
  readonly attestation?: (place: { readonly github: string; readonly trustedRoot: string }) => object;
  /** Variables of a developer who may publish, by whom version 1 comes. */
  readonly developer?: Readonly<Record<string, string>>;
  /** Secrets of the protected environment, which no other job gets. */
  readonly secrets?: Readonly<Record<string, string>>;
}

async function openStage({ developer = {}, secrets = {} }: StageOptions): Promise<Stage> {
  const project = await scratchProject();
  const { folder } = project;
  const actions = createActionsState();
  const github = await startGithub({
    repositories: [{ name: REPOSITORY }],
    tokens: { [TOKENS.read]: 'read', [TOKENS.write]: 'write', [PERSON]: 'write' },
    routes: actionsRoutes(actions),
  });
  const sigstore = await startSigstore();
  const [origin, checkout] = [join(folder, 'origin.git'), join(folder, 'checkout')];
  const run = async (cwd: string, ...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { cwd, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
  const git = (...args: readonly string[]) => run(checkout, ...args);
  await run(folder, 'init', '--quiet', '--bare', '--initial-branch=main', origin);
  await run(origin, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  await run(folder, 'init', '--quiet', '--initial-branch=main', checkout);
  await git('config', 'user.name', 'dev');
  await git('config', 'user.email', 'dev@example.org');
  await git('remote', 'add', 'origin', `${github.endpoint}/${REPOSITORY}.git`);
  const push = async (branch: string, message: string): Promise<string> => {
    await git('add', '--all');
    await git('commit', '--quiet', '--message', message);
    await git('push', '--quiet', origin, `HEAD:refs/heads/${branch}`);
    const sha = await git('rev-parse', 'HEAD');
    await mirror(sha, git, actions);
    actions.branches.set(branch, sha);
    return sha;
  };
  const cli = (...args: readonly string[]) =>
    toolcrib(args, { cwd: checkout, env: { GITHUB_TOKEN: PERSON, GITHUB_SERVER_URL: github.endpoint, ...developer } });
  const start = async (id: number, file: string, more: Omit<Partial<StoredRun>, 'id'>): Promise<StoredRun> => {
    const stored: StoredRun = {
      ...{ id, commit: '', event: '', path: `.github/workflows/${file}`, headRepository: REPOSITORY, pulls: [] },
      ...{ jobs: [], artifacts: [], status: 'in_progress', conclusion: null },
      ...more,
    };
    actions.runs.push(stored);
    await mkdir(join(folder, `run-${id}`));
    return stored;
  };
  const read = async (file: string) => readWorkflow(await readFile(join(checkout, '.github/workflows', file), 'utf8'));
  const envOf = (id: number, more: Readonly<Record<string, string>>): Record<string, string> => ({
    ...{ CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'maintainer', GITHUB_REPOSITORY: REPOSITORY },
    ...{ GITHUB_SERVER_URL: github.endpoint, GITHUB_RUN_ID: String(id), GITHUB_RUN_ATTEMPT: '1' },
    ...more,
  });
  return {
    ...{ folder, checkout, actions, github, sigstore, git, push, cli },
    async build(id, { fork = false } = {}) {
      const head = actions.pulls.get(7)?.head ?? '';
      const file = 'build-tool-support.yml';
      return await runWorkflow({
        workflow: await read(file),
        run: await start(id, file, { commit: head, event: 'pull_request', pulls: [7] }),
        origin,
        folder: join(folder, `run-${id}`),
        contexts: {
          github: {
            sha: 'the merge of both',
            event_name: 'pull_request',
            event: {
              pull_request: { number: 7, head: { sha: head }, base: { sha: actions.branches.get('main') ?? '' } },
            },
          },
        },
        env: envOf(id, { GITHUB_BASE_REF: 'main', GITHUB_EVENT_NAME: 'pull_request' }),
        grant: (permissions) => {
          const mayWrite = permissions['pull-requests'] === 'write' && !fork;
          return { token: mayWrite ? TOKENS.write : TOKENS.read, env: {} };
        },
      });
    },
    async promote(id, { pr, rebuild = false }) {
      const sha = actions.branches.get('main') ?? '';
      const file = 'promote-tool-support.yml';
      const claims = {
        iss: 'https://token.actions.githubusercontent.com',
        sub: `${github.endpoint}/${REPOSITORY}/.github/workflows/${file}@refs/heads/main`,
        // Not the repository and the run: this Sigstore certifies those of github.com only, and here it is another server.
        ...{ ref: 'refs/heads/main', sha },
      };
      return await runWorkflow({
        workflow: await read(file),
        run: await start(id, file, { commit: sha, event: 'workflow_dispatch' }),
        origin,
        folder: join(folder, `run-${id}`),
        contexts: { github: { sha, actor: 'maintainer' }, inputs: { pr, run_id: '', rebuild } },
        environments: { 'tool-support-release': secrets },
        env: envOf(id, {
          GITHUB_SHA: sha,
          GITHUB_REF: 'refs/heads/main',
          GITHUB_WORKFLOW_REF: `${REPOSITORY}/.github/workflows/${file}@refs/heads/main`,
          TOOLCRIB_FULCIO_URL: sigstore.url,
          TOOLCRIB_REKOR_URL: sigstore.url,
        }),
        grant: (permissions) => ({
          token: TOKENS.read,
          env: permissions['id-token'] === 'write' ? { SIGSTORE_ID_TOKEN: identityToken(claims) } : {},
        }),
      });
    },
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await sigstore[Symbol.asyncDispose]();
      await github[Symbol.asyncDispose]();
    },
  };
}

/** Tells the stand-in of a commit and of all before it. */
async function mirror(sha: string, git: Stage['git'], actions: ActionsState): Promise<void> {
  for (const line of (await git('rev-list', '--parents', sha)).split('\n')) {
    const [commit = '', ...parents] = line.split(' ');
    if (actions.commits.has(commit)) continue;
    const files = new Map<string, string>();
    for (const path of (await git('ls-tree', '-r', '--name-only', commit)).split('\n')) {
      files.set(path, `${await git('show', `${commit}:${path}`)}\n`);
    }
    const date = await git('show', '--no-patch', '--format=%cI', commit);
    actions.commits.set(commit, { sha: commit, parents, files, date });
  }
}

/** A project whose first version is published and merged, with the workflows; pull request 7 bumps it to 2. */
export async function openedPull(options: StageOptions = {}): Promise<Stage & { readonly config: object }> {
  const stage = await openStage(options);
  const { checkout, actions, cli } = stage;
  const config = {
    tool: 'synthetic',
    targets: [`${NATIVE}-any`, `${OTHER}-any`],
    sources: ['tool.c', 'other.bin'],
    stores: options.stores ?? [`file:${join(stage.folder, 'store')}`],
    build: { driver: 'command', command: BUILD },
  };
  await cp(join(import.meta.dirname, '../inject/synthetic-tool.c'), join(checkout, 'tool.c'));
  await writeOther(checkout, 1);
  await writeFile(join(checkout, 'toolcrib.json'), JSON.stringify(config));
  await writeFile(join(checkout, 'tool-version.txt'), '1\n');
  const lock = { packages: { 'node_modules/toolcrib': { version: '1.0.0' } } };
  await writeFile(join(checkout, 'package-lock.json'), JSON.stringify(lock));
  await writeFile(join(checkout, '.gitignore'), '/binaries/\n/tool-support-*/\n');
  const call = async (...args: readonly string[]): Promise<void> => {
    const end = await cli(...args);
    expect(end, end.stderr).toMatchObject({ code: 0 });
  };
  await call('build');
  await call('publish');
  const { github, sigstore } = stage;
  const attestation = options.attestation?.({ github: github.endpoint, trustedRoot: 'trusted_root.json' });
  await writeFile(join(checkout, 'trusted_root.json'), sigstore.trustedRoot);
  await writeFile(join(checkout, 'toolcrib.json'), JSON.stringify({ ...config, attestation }));
  await call('init', '--github');
  await stage.push('main', 'Begin');
  await writeOther(checkout, 2);
  await writeFile(join(checkout, 'tool-version.txt'), '2\n');
  actions.permissions.set('dev', 'write').set('maintainer', 'admin');
  actions.pulls.set(7, {
    ...{ number: 7, author: 'dev', state: 'open', merged: false, base: 'main', reviews: [] },
    head: await stage.push('feature', 'Change the tool'),
    headRepository: REPOSITORY,
  });
  return { ...stage, config: { ...config, attestation } };
}

const writeOther = (checkout: string, version: number) =>
  writeFile(
    join(checkout, 'other.bin'),
    elfFile({ machine: OTHER === 'arm64' ? 183 : 62, versions: [] }).fill(version, 0x1f00),
  );

/** How each job ended, by its name. */
export const resultsOf = (jobs: readonly EndedJob[]) =>
  Object.fromEntries(jobs.map(({ name, result }) => [name, result]));
/** @throws when there is no such job. */
export const jobOf = (jobs: readonly EndedJob[], name: string): EndedJob => {
  const found = jobs.find((job) => job.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
/** All that the jobs said. */
export const said = (jobs: readonly EndedJob[]): string => jobs.map(({ log }) => log).join('\n');
