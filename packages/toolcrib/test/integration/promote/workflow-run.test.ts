import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { archFrom } from '../../../src/core/target.ts';
import { actionsRoutes } from '../../servers/github/actions.ts';
import { createActionsState, type ActionsState, type StoredRun } from '../../servers/github/actions-state.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { runWorkflow, type EndedJob } from '../../servers/github/runner.ts';
import { identityToken, startSigstore, type SigstoreInstance } from '../../servers/sigstore.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib, type CliEnd } from '../../unit/cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { readWorkflow } from '../../unit/workflows/workflow-document.ts';

const REPOSITORY = 'octo-org/synthetic';
const TOKENS = { read: 'ghs_read0123456789abcdefghijklmnopqrstuv', write: 'ghs_write0123456789abcdefghijklmnopqrst' };
const PERSON = 'ghp_person0123456789abcdefghijklmnopqrstuv';
const NATIVE = archFrom(process.arch) ?? 'amd64';
const OTHER = NATIVE === 'amd64' ? 'arm64' : 'amd64';

const BUILD = `case "$TOOLCRIB_ARCH" in
  ${NATIVE}) gcc -static -Os -s -DTOOL_VERSION="$TOOLCRIB_VERSION" -o "$TOOLCRIB_OUTPUT" tool.c ;;
  *) cp other.bin "$TOOLCRIB_OUTPUT" ;;
esac`;

/** A repository, its workflows, a developer's and a maintainer's checkout, and everything around them. */
interface Stage extends AsyncDisposable {
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

async function openStage(): Promise<Stage> {
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
    toolcrib(args, { cwd: checkout, env: { GITHUB_TOKEN: PERSON, GITHUB_SERVER_URL: github.endpoint } });
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
        ...{ repository: REPOSITORY, ref: 'refs/heads/main', sha, run_id: String(id), run_attempt: '1' },
      };
      return await runWorkflow({
        workflow: await read(file),
        run: await start(id, file, { commit: sha, event: 'workflow_dispatch' }),
        origin,
        folder: join(folder, `run-${id}`),
        contexts: { github: { sha, actor: 'maintainer' }, inputs: { pr, run_id: '', rebuild }, secrets: {} },
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
async function openedPull(): Promise<Stage> {
  const stage = await openStage();
  const { checkout, actions, cli } = stage;
  const config = {
    tool: 'synthetic',
    targets: [`${NATIVE}-any`, `${OTHER}-any`],
    sources: ['tool.c', 'other.bin'],
    stores: [`file:${join(stage.folder, 'store')}`],
    build: { driver: 'command', command: BUILD },
  };
  await cp(join(import.meta.dirname, '../inject/synthetic-tool.c'), join(checkout, 'tool.c'));
  await writeOther(checkout, 1);
  await writeFile(join(checkout, 'toolcrib.json'), JSON.stringify(config));
  await writeFile(join(checkout, 'tool-version.txt'), '1\n');
  await writeFile(join(checkout, '.gitignore'), '/binaries/\n/tool-support-*/\n');
  for (const args of [['build'], ['publish'], ['init', '--github']]) {
    const end = await cli(...args);
    expect(end, end.stderr).toMatchObject({ code: 0 });
  }
  await stage.push('main', 'Begin');
  await writeOther(checkout, 2);
  await writeFile(join(checkout, 'tool-version.txt'), '2\n');
  actions.permissions.set('dev', 'write').set('maintainer', 'admin');
  actions.pulls.set(7, {
    ...{ number: 7, author: 'dev', state: 'open', merged: false, base: 'main', reviews: [] },
    head: await stage.push('feature', 'Change the tool'),
    headRepository: REPOSITORY,
  });
  return stage;
}

const writeOther = (checkout: string, version: number) =>
  writeFile(
    join(checkout, 'other.bin'),
    elfFile({ machine: OTHER === 'arm64' ? 183 : 62, versions: [] }).fill(version, 0x1f00),
  );

const resultsOf = (jobs: readonly EndedJob[]) => Object.fromEntries(jobs.map(({ name, result }) => [name, result]));
const jobOf = (jobs: readonly EndedJob[], name: string): EndedJob => {
  const found = jobs.find((job) => job.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};
const said = (jobs: readonly EndedJob[]): string => jobs.map(({ log }) => log).join('\n');

describe.concurrent('the workflows, with the very commands that they run', () => {
  test('bring a change from a pull request to a signed release, and build it once', async () => {
    await using stage = await openedPull();
    const { actions, checkout, cli } = stage;
    const pull = actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');

    const first = await stage.build(100);
    expect(resultsOf(first), said(first)).toEqual({
      'Detect what changed': 'success',
      [`Build ${NATIVE}-any`]: 'success',
      [`Build ${OTHER}-any`]: 'success',
      'Compute SHA256SUMS': 'success',
      'Tool support': 'failure', // the sums are not committed
      'Comment on the pull request': 'success',
    });
    expect(jobOf(first, `Build ${NATIVE}-any`).log).toContain(`synthetic-${NATIVE}-any-v2 runs`);
    expect(jobOf(first, `Build ${OTHER}-any`).log).toContain(`synthetic-${OTHER}-any-v2 was examined, not run`);
    expect(actions.comments).toHaveLength(1);
    expect(actions.comments[0]?.body).toContain('toolcrib fetch --run 100 --sums');
    const { log } = jobOf(first, 'Comment on the pull request');
    expect(log.match(/checked out .*/g)).toEqual([`checked out ${actions.branches.get('main') ?? ''}`]);

    const fetched = await cli('fetch', '--run', '100', '--sums');
    expect(fetched, fetched.stderr).toMatchObject({ code: 0 });
    const patch = actions.runs[0]?.artifacts.find(({ name }) => name === 'synthetic-v2-sums');
    expect(patch?.zip.includes('SHA256SUMS.patch')).toBe(true);
    expect(await stage.git('status', '--porcelain')).toBe('M SHA256SUMS');
    pull.head = await stage.push('feature', 'Pin what CI built');

    const second = await stage.build(101);
    expect(resultsOf(second), said(second)).toEqual({
      'Detect what changed': 'success',
      'Build ${{ matrix.target }}': 'skipped',
      'Compute SHA256SUMS': 'skipped',
      'Tool support': 'failure', // the release is not in the store
      'Comment on the pull request': 'success',
    });
    expect(actions.comments).toHaveLength(1);
    expect(actions.comments[0]?.body).not.toContain('fetch --run');

    const early = await stage.promote(200, { pr: '7' });
    expect(resultsOf(early)).toMatchObject({
      'Verify what is to be promoted': 'failure',
      'Attest and publish': 'skipped',
    });
    expect(said(early)).toContain('is not approved');

    pull.reviews.push({ user: 'maintainer', state: 'APPROVED', commit: pull.head });
    const [approved, before] = [pull.head, await stage.git('rev-parse', 'HEAD~1')];
    let looks = 0;
    stage.github.fault = ({ path }) => {
      // After the first job has looked, while somebody approves the environment.
      if (path.endsWith('/pulls/7') && (looks += 1) === 2) pull.head = before;
      return undefined;
    };
    pull.reviews.push({ user: 'admin', state: 'APPROVED', commit: before });
    actions.permissions.set('admin', 'admin');
    const late = await stage.promote(201, { pr: '7' });
    expect(resultsOf(late), said(late)).toMatchObject({
      'Verify what is to be promoted': 'success',
      'Attest and publish': 'failure',
    });
    expect(said(late)).toContain('somebody has pushed');
    stage.github.fault = () => undefined;
    pull.head = approved;

    const promoted = await stage.promote(202, { pr: '7' });
    expect(resultsOf(promoted), said(promoted)).toEqual({
      'Verify what is to be promoted': 'success',
      'Rebuild ${{ matrix.target }}': 'skipped',
      'Attest and publish': 'success',
    });
    expect(jobOf(promoted, 'Attest and publish').summary).toContain('### synthetic v2');
    const store = await readdir(join(stage.folder, 'store'));
    expect(store).toContain('synthetic-v2.json');
    expect(store.filter((name) => name.endsWith('.sigstore.json'))).toHaveLength(2);
    const sums = await readFile(join(checkout, 'SHA256SUMS'), 'utf8');
    expect(await readFile(join(stage.folder, 'store', 'synthetic-v2.SHA256SUMS'), 'utf8')).toBe(sums);

    const third = await stage.build(102);
    expect(resultsOf(third), said(third)).toMatchObject({ 'Tool support': 'success' });
    expect(actions.comments[0]?.body).toContain('the merge gate is open');
    const all = [first, second, early, late, promoted, third].map(said).join('\n');
    for (const token of [...Object.values(TOKENS), PERSON]) expect(all).not.toContain(token);
  });

  test('name the architecture that failed, with a link to its log, in a comment of their own', async () => {
    await using stage = await openedPull();
    await writeFile(join(stage.checkout, 'other.bin'), 'no executable');
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    pull.head = await stage.push('feature', 'Break one architecture');
    const body = '<!-- toolcrib: build report of synthetic -->\nall is well';
    stage.actions.comments.push({ id: 1, issue: 7, author: 'User', body });
    const jobs = await stage.build(100);
    expect(stage.actions.comments[0]?.body).toBe(body);
    expect(resultsOf(jobs), said(jobs)).toEqual({
      'Detect what changed': 'success',
      [`Build ${NATIVE}-any`]: 'success',
      [`Build ${OTHER}-any`]: 'failure',
      'Compute SHA256SUMS': 'skipped',
      'Tool support': 'failure',
      'Comment on the pull request': 'success',
    });
    expect(stage.actions.comments.map(({ author }) => author)).toEqual(['User', 'Bot']);
    const comment = stage.actions.comments[1];
    expect(comment?.body).toContain('the build failed');
    expect(comment?.body).toMatch(/failed: \[log\]\(http:\S+\/actions\/runs\/100\/job\/\d+\)/);
    expect(jobOf(jobs, 'Tool support').summary).toContain('the build failed');
  });

  test('say "not attested" in the summary where the token of a fork may not comment', async () => {
    await using stage = await openedPull();
    const jobs = await stage.build(100, { fork: true });
    expect(resultsOf(jobs)).toMatchObject({ 'Compute SHA256SUMS': 'success' });
    expect(stage.actions.comments).toEqual([]);
    expect(jobOf(jobs, 'Tool support').summary).toContain('**not attested**');
    const { summary } = jobOf(jobs, 'Comment on the pull request');
    expect(summary).toContain('No comment could be written');
    expect(summary).toContain('**not attested**');
  });

  test('build a pull request of a fork again in jobs without secrets, and promote that', async () => {
    await using stage = await openedPull();
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    await stage.build(100, { fork: true });
    await stage.cli('fetch', '--run', '100', '--sums');
    pull.head = await stage.push('feature', 'Pin');
    pull.headRepository = 'x/y';
    pull.reviews.push({ user: 'maintainer', state: 'APPROVED', commit: pull.head });
    const refused = await stage.promote(200, { pr: '7' });
    expect(said(refused)).toContain('artifacts of a fork are never trusted');
    const promoted = await stage.promote(201, { pr: '7', rebuild: true });
    expect(resultsOf(promoted), said(promoted)).toEqual({
      'Verify what is to be promoted': 'success',
      [`Rebuild ${NATIVE}-any`]: 'success',
      [`Rebuild ${OTHER}-any`]: 'success',
      'Attest and publish': 'success',
    });
    expect(await readdir(join(stage.folder, 'store'))).toContain('synthetic-v2.json');
  });

  test('build nothing and pass for a pull request that changes nothing that ships, without a comment', async () => {
    await using stage = await openedPull();
    const pull = stage.actions.pulls.get(7);
    if (pull === undefined) throw new Error('no pull request');
    await stage.git('checkout', '--quiet', '-B', 'docs', 'HEAD~1');
    await mkdir(join(stage.checkout, 'docs'));
    await writeFile(join(stage.checkout, 'docs', 'README.md'), 'words\n');
    pull.head = await stage.push('docs', 'Write');
    const jobs = await stage.build(100);
    expect(resultsOf(jobs), said(jobs)).toMatchObject({ 'Compute SHA256SUMS': 'skipped', 'Tool support': 'success' });
    expect(stage.actions.comments).toEqual([]);
    expect(documentOf(await stage.cli('check', '--json', '--base', 'main'))).toMatchObject({ verdict: 'ok' });
  });
});
