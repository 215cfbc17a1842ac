import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { exitCodeOf } from '../../../src/cli/exit-codes.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { promoteRelease, type PromoteOptions } from '../../../src/flows/promote-release.ts';
import { zipOf } from '../../servers/github/actions-state.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { documentOf, toolcrib } from '../cli/command-line.ts';
import {
  BASE,
  BUILT,
  buildRun,
  BUILT_COMMIT,
  HEAD,
  inCheckout,
  NAMES,
  promotionSite,
  REPOSITORY,
  shaOf,
  sumsOf,
  TOKEN,
  WORKFLOW,
  type PromotionSite,
} from './promotion-site.ts';

const promote = (
  site: PromotionSite,
  args: readonly string[] = ['--pr', '7'],
  env: Readonly<Record<string, string>> = {},
) => toolcrib(['promote', ...args], { cwd: site.project.folder, env: { ...site.env, ...env } });

const stored = (site: PromotionSite): Promise<readonly string[]> =>
  readdir(inCheckout(site, 'store')).then(
    (names) => names.sort(),
    () => [],
  );

/** How a promotion is refused, after nothing was published. */
async function refusalOf(site: PromotionSite, options: PromoteOptions = { pr: 7 }): Promise<Record<string, unknown>> {
  const host = createHost({ env: site.env, cwd: site.project.folder, cacheDirectory: inCheckout(site, 'cache') });
  const project = await openProject(host);
  const error = await failureOfAsync(() => promoteRelease(project, host, options));
  const { code, message, hint, details } = error;
  expect(await stored(site)).toEqual([]);
  expect(JSON.stringify([message, hint, details, error.cause])).not.toContain(TOKEN);
  return { exit: exitCodeOf(error), code, message, hint, demand: details['demand'] };
}

describe.concurrent('promote', () => {
  test('publishes what CI built for a pull request whose head is approved, and says who approved what', async () => {
    await using site = await promotionSite();
    const end = await promote(site, ['--pr', '7', '--receipt', 'receipt.json']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout).toContain(`pull request 7 at ${HEAD}, approved by maintainer`);
    expect(end.stdout).toContain(`from ${BUILT_COMMIT}; only the sums were committed since`);
    expect(end.stdout).toContain('The approved commit pins this release. Merge the pull request.');
    expect(end.stdout).not.toContain('pins this release now');
    expect(await stored(site)).toEqual([...NAMES, 'demo-v2.SHA256SUMS', 'demo-v2.json'].sort());
    for (const name of NAMES) expect(await readFile(inCheckout(site, join('store', name)))).toEqual(BUILT[name]);
    expect(JSON.parse(await readFile(inCheckout(site, 'receipt.json'), 'utf8'))).toMatchObject({
      action: 'promote',
      source: { commit: BUILT_COMMIT, repository: `${site.github.endpoint}/octo-org/demo` },
      run: `${site.github.endpoint}/octo-org/demo/actions/runs/100`,
    });
    expect(JSON.parse(await readFile(inCheckout(site, 'store/demo-v2.json'), 'utf8'))).toMatchObject({
      source: { commit: BUILT_COMMIT, date: '2026-03-01T12:00:00Z' },
    });
    expect(end.stdout + end.stderr).not.toContain(TOKEN);
  });

  test('leaves the checkout as it is: pins come by the pull request', async () => {
    await using site = await promotionSite();
    await promote(site);
    expect((await readdir(site.project.folder)).sort()).toEqual([
      '.git',
      'binaries',
      'store',
      'tool-version.txt',
      'toolcrib.json',
    ]);
    expect(await readdir(inCheckout(site, 'binaries'))).toEqual([]);
  });

  test('finds the pull request of a run, and does the same', async () => {
    await using site = await promotionSite();
    expect((await promote(site, ['--run', '100', '--pr', ''])).code).toBe(0);
    expect(await stored(site)).toHaveLength(4);
  });

  test('takes an earlier run of the same commit when the latest failed', async () => {
    await using site = await promotionSite();
    site.actions.runs.push({ ...(await buildRun(102, BUILT_COMMIT)), conclusion: 'cancelled' });
    expect((await promote(site)).stdout).toContain('/actions/runs/100');
  });

  test('minds no comment that could not be written on the pull request', async () => {
    await using site = await promotionSite();
    const { run } = site;
    run.jobs = run.jobs.map((job) => (job.name.startsWith('Comment') ? { ...job, conclusion: 'failure' } : job));
    expect((await promote(site)).code).toBe(0);
  });

  test('twice is fine', async () => {
    await using site = await promotionSite();
    await promote(site);
    expect((await promote(site)).stdout).toContain('was published before, with the same bytes');
  });

  test('shows with --dry-run what it would do, and publishes nothing', async () => {
    await using site = await promotionSite();
    const end = await promote(site, ['--pr', '7', '--dry-run']);
    expect(end.stdout).toContain('demo v2 would be published');
    expect(await stored(site)).toEqual([]);
  });

  test('shows its token to the API only, not to the host of the artifacts', async () => {
    await using site = await promotionSite();
    await promote(site);
    const hosts = (shown: boolean): ReadonlySet<string> =>
      new Set(
        site.github.requests
          .filter(({ headers }) => (headers.authorization !== undefined) === shown)
          .map((r) => r.host),
      );
    expect(hosts(true)).toEqual(new Set(['api']));
    expect(hosts(false)).toEqual(new Set(['objects']));
  });

  test("signs with a maintainer's key, saying which commit of which repository was built by which workflow", async () => {
    await using site = await promotionSite();
    const { privateKey } = generateKeyPairSync('ed25519');
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(inCheckout(site, 'key.pem'), pem, { mode: 0o600 });
    const end = await promote(site, ['--pr', '7', '--sign', 'key.pem']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    const attestation = await readFile(inCheckout(site, `store/${NAMES[0]}.dsse.json`), 'utf8');
    const { payload } = JSON.parse(attestation) as Record<string, string>;
    const statement = Buffer.from(payload ?? '', 'base64').toString('utf8');
    for (const fact of [BUILT_COMMIT, WORKFLOW, 'refs/pull/7/head', '/octo-org/demo/actions/runs/100']) {
      expect(statement).toContain(fact);
    }
  });

  test('promotes a run of the head itself, and a merged pull request', async () => {
    await using site = await promotionSite();
    site.actions.runs.push(await buildRun(102, HEAD));
    Object.assign(site.pull, { state: 'closed', merged: true });
    const end = await promote(site, ['--pr', '7', '--json']);
    expect(documentOf(end)).toMatchObject({ builtCommit: HEAD, publication: { stores: [{ complete: true }] } });
  });
});

type Break = (site: PromotionSite) => void | Promise<void>;
const approve = (site: PromotionSite, ...reviews: PromotionSite['pull']['reviews']) =>
  site.pull.reviews.splice(0, 1, ...reviews);

type Refused = readonly [what: string, demand: string, words: string, Break];

describe.concurrent('promote refuses, with what to do,', () => {
  const cases: readonly Refused[] = [
    ['a pull request into another branch', 'base', 'goes into "dev"', ({ pull }) => void (pull.base = 'dev')],
    ['one that was closed without a merge', 'state', 'was closed', ({ pull }) => void (pull.state = 'closed')],
    ['one of a fork', 'fork', 'comes from x/y', ({ pull }) => void (pull.headRepository = 'x/y')],
    ['a head that nobody approved', 'approval', 'nobody who may write', (site) => void approve(site)],
    [
      'a head that came after the approval',
      'approval',
      'maintainer approved an earlier commit',
      (site) => void approve(site, { user: 'maintainer', state: 'APPROVED', commit: BUILT_COMMIT }),
    ],
    [
      "the author's own approval",
      'approval',
      'other than its author',
      (site) => void approve(site, { user: 'dev', state: 'APPROVED', commit: HEAD }),
    ],
    ...(['author', 'committer'] as const).map((who): Refused => [
      `the approval of the ${who} of the head, who did not open the pull request`,
      'approval',
      'who made its head',
      ({ actions }) => {
        const head = actions.commits.get(HEAD);
        if (head !== undefined) actions.commits.set(HEAD, { ...head, [who]: 'Maintainer' });
      },
    ]),
    [
      'the approval of somebody who may only read',
      'approval',
      'nobody who may write',
      (site) => void approve(site, { user: 'guest', state: 'APPROVED', commit: HEAD }),
    ],
    [
      'the approval of a program',
      'approval',
      'nobody who may write',
      (site) => {
        site.actions.permissions.set('bot', 'admin');
        approve(site, { user: 'bot', type: 'Bot', state: 'APPROVED', commit: HEAD });
      },
    ],
    [
      'the approval of an account that is gone',
      'approval',
      'nobody who may write',
      (site) => void approve(site, { user: null, state: 'APPROVED', commit: HEAD }),
    ],
    [
      'an approval that was dismissed',
      'approval',
      'nobody who may write',
      (site) => void site.pull.reviews.push({ user: 'maintainer', state: 'DISMISSED', commit: HEAD }),
    ],
    [
      'a head to which somebody else requested changes',
      'changes-requested',
      'other requested changes',
      ({ actions, pull }) => {
        actions.permissions.set('other', 'write');
        pull.reviews.push({ user: 'other', state: 'CHANGES_REQUESTED', commit: BUILT_COMMIT });
        pull.reviews.push({ user: 'other', state: 'COMMENTED', commit: HEAD });
      },
    ],
    [
      'the head of another tool',
      'tool',
      'is of other',
      (site) => site.edit(HEAD, { 'toolcrib.json': '{"tool":"other","targets":["amd64"]}' }),
    ],
    [
      'a head without a configuration',
      'tool',
      'has no toolcrib.json',
      (site) => site.edit(HEAD, { 'toolcrib.json': undefined }),
    ],
    ['a head without sums', 'sums', 'it pins nothing', (site) => site.edit(HEAD, { SHA256SUMS: undefined })],
    [
      'a head that pins one target of two',
      'sums',
      'has to pin',
      (site) => site.edit(HEAD, { SHA256SUMS: sumsOf(BUILT).split('\n')[0] ?? '' }),
    ],
    [
      'a head that pins another version',
      'sums',
      'does not pin demo v2',
      (site) => site.edit(HEAD, { SHA256SUMS: sumsOf(BUILT).replaceAll('v2', 'v1') }),
    ],
    [
      'a head that no run built',
      'run',
      'no run of build-tool-support.yml',
      ({ actions }) => void actions.runs.splice(0),
    ],
    [
      'a head with a commit in between that changed nothing, so that not the sums alone came since the build',
      'run',
      'has no artifacts',
      (site) => {
        site.commit(shaOf('d'), BUILT_COMMIT, {});
        site.commit(HEAD, shaOf('d'), { SHA256SUMS: sumsOf(BUILT) });
      },
    ],
    [
      'a head that differs from what was built by more than the sums',
      'run',
      'has no artifacts',
      (site) => site.edit(HEAD, { 'main.c': 'v3' }),
    ],
    [
      'a run that has not ended',
      'jobs',
      'it is in_progress',
      ({ run }) => void Object.assign(run, { status: 'in_progress', conclusion: null }),
    ],
    [
      'a run in which one architecture failed',
      'jobs',
      'Build arm64-any (failure, http',
      ({ run }) =>
        void (run.jobs = run.jobs.map((job) => (job.name.includes('arm64') ? { ...job, conclusion: 'failure' } : job))),
    ],
    ['a run that was cancelled', 'jobs', 'ended with cancelled', ({ run }) => void (run.conclusion = 'cancelled')],
    ['a run of a fork', 'fork', 'artifacts of a fork', ({ run }) => void (run.headRepository = 'x/y')],
    [
      'a pull request that changes the workflow',
      'workflow',
      'is not what it is on main',
      (site) => [BUILT_COMMIT, HEAD].forEach((sha) => site.edit(sha, { [WORKFLOW]: 'other' })),
    ],
    [
      'a workflow that was changed for the build and put back for the review',
      'run',
      'has no artifacts',
      (site) => site.edit(BUILT_COMMIT, { [WORKFLOW]: 'other' }),
    ],
    [
      'a workflow that only a tag with the name of the base branch has',
      'workflow',
      'is not what it is on main',
      (site) => {
        [BUILT_COMMIT, HEAD].forEach((sha) => site.edit(sha, { [WORKFLOW]: 'other' }));
        site.actions.tags.set('main', HEAD);
      },
    ],
    [
      'a base branch that has no workflow',
      'workflow',
      'main has no',
      (site) => site.edit(BASE, { [WORKFLOW]: undefined }),
    ],
  ];

  test.each(cases)('%s', async (_, demand, words, breakIt) => {
    await using site = await promotionSite();
    await breakIt(site);
    const refusal = await refusalOf(site);
    expect(refusal).toMatchObject({ exit: 5, code: 'NOT_APPROVED', demand, hint: expect.any(String) as unknown });
    expect(refusal['message']).toContain(words);
  });

  test.each<readonly [string, string, Break]>([
    ['one of another workflow', 'origin', ({ run }) => void (run.path = '.github/workflows/other.yml')],
    [
      'one of another repository',
      'origin',
      ({ run }) => void (run.path = 'x/y/.github/workflows/build-tool-support.yml'),
    ],
    ['one that was started by a push', 'origin', ({ run }) => void (run.event = 'push')],
    ['one of a fork', 'fork', ({ run }) => void (run.headRepository = 'x/y')],
    ['one of another commit', 'run', ({ run }) => void (run.commit = BASE)],
  ])('a run that was named: %s', async (_, demand, breakIt) => {
    await using site = await promotionSite();
    await breakIt(site);
    expect(await refusalOf(site, { run: 100 })).toMatchObject({ exit: 5, code: 'NOT_APPROVED', demand });
  });

  test('a head that is not the one that was demanded', async () => {
    await using site = await promotionSite();
    const refusal = await refusalOf(site, { pr: 7, commit: shaOf('d') });
    expect(refusal).toMatchObject({ exit: 5, demand: 'commit' });
  });

  test('a version below that of the base branch, whatever a tag with the name of that branch says', async () => {
    await using site = await promotionSite();
    site.edit(BASE, { 'tool-version.txt': '3\n' });
    site.actions.tags.set('main', BUILT_COMMIT);
    expect(await refusalOf(site)).toMatchObject({ exit: 5, code: 'ROLLBACK' });
  });

  test('artifacts that are not what the reviewed commit pins', async () => {
    await using site = await promotionSite();
    const [artifact] = site.run.artifacts;
    if (artifact !== undefined) artifact.zip = await zipOf({ [NAMES[0]]: Buffer.from('\x7fELF evil') });
    expect(await refusalOf(site)).toMatchObject({ exit: 4, code: 'DIGEST_MISMATCH' });
  });

  test.each([
    ['a ZIP without the artifact', { other: 'x' }, 'MALFORMED'],
    ['no ZIP at all', undefined, 'MALFORMED'],
  ])('%s', async (_, content, code) => {
    await using site = await promotionSite();
    const [artifact] = site.run.artifacts;
    if (artifact !== undefined) artifact.zip = content === undefined ? Buffer.from('none') : await zipOf(content);
    expect(await refusalOf(site)).toMatchObject({ exit: 4, code });
  });

  test('artifacts that expired, also when the list does not say so yet', async () => {
    await using site = await promotionSite();
    const [artifact] = site.run.artifacts;
    if (artifact !== undefined) artifact.expired = true;
    const refusal = await refusalOf(site);
    expect(refusal).toMatchObject({ exit: 3, code: 'NOT_FOUND' });
    expect(refusal['message']).toContain('has expired');
    expect(refusal['hint']).toContain('run the workflow');
  });

  test('bytes that were changed on their way', async () => {
    await using site = await promotionSite();
    site.github.fault = ({ host }) => (host === 'objects' ? { kind: 'wrong-bytes' } : undefined);
    expect(await refusalOf(site)).toMatchObject({ exit: 4, code: 'DIGEST_MISMATCH' });
  });

  test('to work without a token, with a bad one, for a pull request that is not there', async () => {
    await using site = await promotionSite();
    for (const [env, args, words] of [
      [{ GITHUB_TOKEN: '' }, ['--pr', '7'], 'only with a token'],
      [{ TOOLCRIB_GITHUB_TOKEN: 'ghp_bad00000000000' }, ['--pr', '7'], 'answered 401'],
      [{}, ['--pr', '8'], 'answered 404'],
      [{}, ['--run', '8'], 'answered 404'],
    ] as const) {
      const end = await promote(site, args, env);
      expect(end.code).toBe(7);
      expect(end.stderr).toContain(words);
      expect(end.stderr).not.toMatch(/ghp_/);
    }
  });

  test.each([
    [[], 'needs --pr or --run'],
    [['--pr', 'x'], 'expected a number'],
    [['--pr', '7', '--rebuild', '--rebuilt', 'x'], 'not both'],
    [['--pr', '7', '--repository', 'x'], 'not a repository of GitHub'],
  ])('a command line that is wrong: %j', async (args, words) => {
    await using site = await promotionSite();
    const end = await promote(site, args);
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining(words) as unknown });
    expect(site.github.requests).toEqual([]);
  });

  test('to send the token to a server that only the remote "origin" names', async () => {
    await using site = await promotionSite();
    const end = await promote(site, ['--pr', '7'], { GITHUB_SERVER_URL: '' });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('GITHUB_SERVER_URL=');
    expect(site.github.requests).toEqual([]);
  });

  test('a run that belongs to no open pull request, until that is named too', async () => {
    await using site = await promotionSite();
    site.run.pulls = [];
    expect(await refusalOf(site, { run: 100 })).toMatchObject({ exit: 2, code: 'USAGE' });
    expect((await promote(site, ['--run', '100', '--pr', '7'])).code).toBe(0);
  });
});

describe.concurrent('a run that may have taken its workflow from another branch than the base', () => {
  /** A pull request of the same head into `evil-base`, whose workflow may do anything. */
  const second = ({ actions, pull }: PromotionSite, more: Partial<PromotionSite['pull']> = {}) => {
    actions.branches.set('evil-base', BASE);
    const other = { ...pull, number: 8, base: 'evil-base', reviews: [], ...more };
    actions.pulls.set(other.number, other);
  };
  const cases: readonly (readonly [what: string, words: string, Break])[] = [
    [
      'of the pull request itself, which went into another branch and was given the base afterwards',
      'pull request 7, which went into another branch',
      ({ pull }) => void (pull.events = ['labeled', 'base_ref_changed']),
    ],
    [
      'of the pull request itself, whose base GitHub changed when the branch was deleted',
      'pull request 7, which went into another branch',
      ({ pull }) => void (pull.events = ['automatic_base_change_succeeded']),
    ],
    ['of a second one of the same branch, still open', 'into evil-base', (site) => second(site)],
    [
      'of a second one of the same branch, closed since',
      'pull request 8, which goes into evil-base',
      (site) => {
        second(site, { state: 'closed' });
        site.run.pulls = [];
      },
    ],
    [
      'of a second one, given the base afterwards, and closed',
      'pull request 8, which went into another branch',
      (site) => second(site, { base: 'main', state: 'closed', events: ['base_ref_changed'] }),
    ],
    [
      'of a second one of another branch with the same commits',
      'pull request 8, which goes into evil-base',
      (site) => second(site, { branch: 'twin' }),
    ],
    [
      'of a second one of another branch with the same commits, closed since',
      'is of the branch twin',
      (site) => {
        second(site, { branch: 'twin', state: 'closed' });
        Object.assign(site.run, { branch: 'twin', pulls: [] });
      },
    ],
    [
      'of the second one, as GitHub says of the run',
      'is of a pull request into evil-base',
      (site) => {
        second(site, { branch: 'twin', headRepository: 'x/y' });
        site.run.pulls = [8];
      },
    ],
  ];

  test.each(cases)('is refused: %s', async (_, words, breakIt) => {
    await using site = await promotionSite();
    await breakIt(site);
    for (const options of [{ pr: 7 }, { pr: 7, run: 100 }]) {
      const refusal = await refusalOf(site, options);
      expect(refusal).toMatchObject({ exit: 5, code: 'NOT_APPROVED', demand: 'run-base' });
      expect(refusal['message']).toContain(words);
      expect(refusal['hint']).toContain('--rebuild');
    }
  });

  test('is refused when GitHub does not list the pull request among those of its branch', async () => {
    await using site = await promotionSite();
    site.github.fault = ({ path }) =>
      path.split('?')[0]?.endsWith('/demo/pulls') === true
        ? { kind: 'answer', answer: { status: 200, json: [] } }
        : undefined;
    expect(await refusalOf(site)).toMatchObject({ exit: 5, demand: 'run-base' });
  });

  test('is refused when more pull requests may have started it than are looked at', async () => {
    await using site = await promotionSite();
    for (let number = 8; number < 28; number += 1) second(site, { number, base: 'main', state: 'closed' });
    expect(await refusalOf(site)).toMatchObject({
      ...{ exit: 5, demand: 'run-base' },
      message: expect.stringContaining('any of 21 pull requests') as unknown,
    });
  });

  test('is refused when two answers about one pull request name two branches', async () => {
    await using site = await promotionSite();
    site.github.fault = ({ path }) => {
      if (path.split('?')[0]?.endsWith(`/commits/${HEAD}/pulls`) === true) site.pull.base = 'evil-base';
      return undefined;
    };
    const refusal = await refusalOf(site);
    expect(refusal).toMatchObject({ exit: 5, demand: 'run-base' });
    expect(refusal['message']).toContain('is given another base right now');
  });

  test('is not believed to be fine when GitHub does not say what happened to a pull request', async () => {
    await using site = await promotionSite();
    site.github.fault = ({ path }) =>
      path.includes('/issues/7/events')
        ? { kind: 'answer', answer: { status: 403, json: { message: 'no' } } }
        : undefined;
    expect(await refusalOf(site)).toMatchObject({ exit: 7 });
  });

  test('is fine when all that may have started it went into the base branch only, closed ones too', async () => {
    await using site = await promotionSite();
    second(site, { base: 'main', state: 'closed', events: ['closed', 'head_ref_deleted'] });
    const end = await promote(site);
    expect(end, end.stderr).toMatchObject({ code: 0 });
  });

  test('counts for nothing when the approved commit is built again', async () => {
    await using site = await promotionSite();
    second(site);
    await mkdir(inCheckout(site, 'again'));
    for (const name of NAMES) await writeFile(inCheckout(site, join('again', name)), BUILT[name] ?? '');
    const end = await promote(site, ['--pr', '7', '--rebuilt', 'again']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
  });
});

describe.concurrent('a pull request of a fork', () => {
  test('is promoted from what was built again, when that has the pinned digests', async () => {
    await using site = await promotionSite();
    site.pull.headRepository = 'x/y';
    site.actions.runs.splice(0);
    await mkdir(inCheckout(site, 'again'));
    for (const name of NAMES) await writeFile(inCheckout(site, join('again', name)), BUILT[name] ?? '');
    const end = await promote(site, ['--pr', '7', '--rebuilt', 'again', '--commit', HEAD, '--json']);
    expect(documentOf(end)).toMatchObject({
      builtCommit: HEAD,
      run: null,
      publication: { stores: [{ complete: true }] },
    });
  });

  test('is refused when what was built again differs by one byte', async () => {
    await using site = await promotionSite();
    site.pull.headRepository = 'x/y';
    await mkdir(inCheckout(site, 'again'));
    for (const name of NAMES) await writeFile(inCheckout(site, join('again', name)), `${String(BUILT[name])}x`);
    expect(await refusalOf(site, { pr: 7, rebuilt: 'again' })).toMatchObject({ exit: 4 });
  });

  test('has its approval verified first, which tells what is to be built', async () => {
    await using site = await promotionSite();
    site.pull.headRepository = 'x/y';
    const env = { GITHUB_OUTPUT: inCheckout(site, 'output') };
    expect((await promote(site, ['--pr', '7', '--verify-only', 'approval'], env)).code).toBe(0);
    expect(await readFile(env.GITHUB_OUTPUT, 'utf8')).toBe(`pr=7\ncommit=${HEAD}\nversion=2\n`);
    approve(site);
    expect((await promote(site, ['--pr', '7', '--verify-only', 'approval'], env)).code).toBe(5);
  });
});

describe.concurrent('fetch --run --sums', () => {
  const fetchSums = (site: PromotionSite, run = '100') =>
    toolcrib(['fetch', '--run', run, '--sums'], { cwd: site.project.folder, env: site.env });

  test('writes the sums that CI computed, for their author to commit', async () => {
    await using site = await promotionSite();
    await site.project.write('tool-version.txt', '2\n');
    const end = await fetchSums(site);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(end.stdout).toContain(`as CI built it from ${BUILT_COMMIT}`);
    expect(await readFile(inCheckout(site, 'SHA256SUMS'), 'utf8')).toBe(sumsOf(BUILT));
  });

  test.each([
    [
      'of another version',
      3,
      'has no sums of demo v1',
      (site: PromotionSite) => site.project.write('tool-version.txt', '1\n'),
    ],
    [
      'of other targets',
      4,
      'expected demo-amd64-any-v2',
      async (site: PromotionSite) => {
        const artifact = site.run.artifacts.at(-1);
        if (artifact !== undefined) artifact.zip = await zipOf({ SHA256SUMS: sumsOf(BUILT).split('\n')[0] ?? '' });
      },
    ],
    [
      'that are none',
      2,
      'expected "<64 hex>',
      async (site: PromotionSite) => {
        const artifact = site.run.artifacts.at(-1);
        if (artifact !== undefined) artifact.zip = await zipOf({ SHA256SUMS: 'x\n' });
      },
    ],
  ])('leaves the sums file as it is when those of the run are %s', async (_, code, words, breakIt) => {
    await using site = await promotionSite();
    await site.project.write('tool-version.txt', '2\n');
    await site.project.write('SHA256SUMS', sumsOf(BUILT).replaceAll(/^./gm, '0'));
    await breakIt(site);
    const before = await readFile(inCheckout(site, 'SHA256SUMS'), 'utf8');
    expect(await fetchSums(site)).toMatchObject({ code, stderr: expect.stringContaining(words) as unknown });
    expect(await readFile(inCheckout(site, 'SHA256SUMS'), 'utf8')).toBe(before);
  });

  test('asks the repository that is named where no remote tells it, and says that there is none', async () => {
    await using site = await promotionSite();
    await site.project.write('tool-version.txt', '2\n');
    const { folder: cwd } = site.project;
    await promisify(execFile)('git', ['-C', cwd, 'remote', 'remove', 'origin']);
    const refused = await fetchSums(site);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`there is no remote "origin" in ${cwd}`);
    expect(refused.stderr).toContain('--repository OWNER/REPO');
    const named = ['fetch', '--run', '100', '--sums', '--repository', REPOSITORY];
    expect((await toolcrib(named, { cwd, env: site.env })).code).toBe(0);
    expect(await readFile(inCheckout(site, 'SHA256SUMS'), 'utf8')).toBe(sumsOf(BUILT));
    await promisify(execFile)('git', ['-C', cwd, 'remote', 'add', 'origin', '/srv/demo.git']);
    expect((await fetchSums(site)).stderr).toContain('no repository of GitHub is the remote "origin" of');
    expect(
      (
        await toolcrib(
          named.filter((word) => word !== '--sums'),
          { cwd, env: site.env },
        )
      ).code,
    ).toBe(2);
  });

  test('takes both options, and no others', async () => {
    await using site = await promotionSite();
    for (const args of [['--sums'], ['--run', '100'], ['--run', '100', '--sums', '--all'], ['--run', 'x', '--sums']]) {
      expect((await toolcrib(['fetch', ...args], { cwd: site.project.folder, env: site.env })).code).toBe(2);
    }
  });
});

describe.concurrent('promote --rebuild', () => {
  /** A site whose approved head is a real commit, of a fork, that builds what is pinned. */
  async function rebuildSite(): Promise<{
    readonly site: PromotionSite;
    readonly git: (...args: string[]) => Promise<string>;
  }> {
    const site = await promotionSite();
    const git = async (...args: string[]) => {
      const options = ['-C', site.project.folder, '-c', 'user.name=a', '-c', 'user.email=a@b'];
      return (await promisify(execFile)('git', [...options, ...args])).stdout.trim();
    };
    const command = `! env | grep -q -e planted -e ${TOKEN} && test -z "$(ls -A "$HOME")" && cp "built-$TOOLCRIB_ARCH" "$TOOLCRIB_OUTPUT"`;
    const config = JSON.stringify({
      ...{ tool: 'demo', targets: ['amd64-any', 'arm64-any'], stores: ['file:./store'] },
      build: { driver: 'command', command },
    });
    await site.project.write('toolcrib.json', config);
    for (const arch of ['amd64', 'arm64']) {
      await site.project.write(`built-${arch}`, BUILT[`demo-${arch}-any-v2`] ?? '');
    }
    await site.project.write('tool-version.txt', '2\n');
    await git('add', '.');
    await git('commit', '--quiet', '-m', 'x');
    const head = await git('rev-parse', 'HEAD');
    site.commit(head, HEAD, { 'toolcrib.json': config });
    Object.assign(site.pull, { head, headRepository: 'x/y' });
    approve(site, { user: 'maintainer', state: 'APPROVED', commit: head });
    return { site, git };
  }

  test('builds the approved commit in a fresh checkout, without credentials, and promotes that', async () => {
    const { site: opened } = await rebuildSite();
    await using site = opened;
    await site.project.write('built-amd64', 'what lies in this checkout does not count');
    const secrets = { AWS_SECRET_ACCESS_KEY: 'planted', VAULT: 'planted', HTTPS_PROXY: 'http://u:planted@127.0.0.1:1' };
    const end = await promote(site, ['--pr', '7', '--rebuild'], secrets);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(await stored(site)).toHaveLength(4);
  });

  test('fetches that commit from the remote when this checkout does not have it', async () => {
    const { site: opened, git } = await rebuildSite();
    await using site = opened;
    const { folder } = site.project;
    const origin = join(folder, 'origin.git');
    await git('init', '--quiet', '--bare', origin);
    await git('push', '--quiet', origin, 'HEAD:refs/pull/7/head');
    await git('checkout', '--quiet', '--orphan', 'main-of-before');
    await git('commit', '--quiet', '-m', 'y');
    await git('branch', '--quiet', '-D', 'master').catch(() => git('branch', '--quiet', '-D', 'main'));
    await git('-c', 'gc.reflogExpire=now', 'reflog', 'expire', '--expire=now', '--expire-unreachable=now', '--all');
    await git('gc', '--quiet', '--prune=now');
    const remote = await git('config', '--get', 'remote.origin.url');
    await site.project.write('.gitconfig', `[url "file://${origin}"]\n\tinsteadOf = ${remote}\n`);
    const end = await promote(site, ['--pr', '7', '--rebuild']);
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(await stored(site)).toHaveLength(4);
  });

  test('tells that a build which gives other bytes the second time cannot be rebuilt', async () => {
    const { site: opened } = await rebuildSite();
    await using site = opened;
    site.edit(site.pull.head, { SHA256SUMS: sumsOf({ ...BUILT, [NAMES[0]]: Buffer.from('other') }) });
    expect(await refusalOf(site, { pr: 7, rebuild: true })).toMatchObject({
      ...{ exit: 4, code: 'DIGEST_MISMATCH' },
      hint: expect.stringContaining('does not give the same bytes twice') as unknown,
    });
  });
});
