import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  repositoryAt,
  SOURCE,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

/** What GitHub's checkout of a repository is; older history may be left out. */
async function checkoutOf(origin: GateRepository, ref: string, depth?: number): Promise<GateRepository> {
  const root = await mkdtemp(join(tmpdir(), 'toolcrib-checkout-'));
  const dispose = () => rm(root, { recursive: true, force: true });
  await promisify(execFile)('git', ['init', '--quiet', join(root, 'work')]);
  const repository = repositoryAt(root, dispose);
  await repository.git('remote', 'add', 'origin', `file://${origin.folder}`);
  await repository.git('fetch', '--quiet', ...(depth === undefined ? [] : [`--depth=${depth}`]), 'origin', ref);
  await repository.git('checkout', '--quiet', '--detach', 'FETCH_HEAD');
  return repository;
}

/** A pull request's repository: what changed is on the branch `change`. */
async function pullRequest(): Promise<GateRepository> {
  const repository = await gateRepository();
  await repository.append(SOURCE, '# changed\n');
  await repository.write(VERSION_FILE, '28\n');
  await repository.commit('change');
  return repository;
}

const inPullRequest = { GITHUB_BASE_REF: 'main' };

describe.concurrent('the base of a change', missing, () => {
  test('is what --base names: a branch, a remote one, a tag, a commit', async () => {
    await using repository = await pullRequest();
    const commit = await repository.git('rev-parse', 'main');
    await repository.git('tag', 'v27', 'main');
    await repository.git('update-ref', 'refs/remotes/origin/only-there', 'main');
    for (const base of ['main', 'origin/main', 'v27', commit, 'HEAD~1', 'only-there']) {
      expect((await repository.check(['--base', base])).document).toMatchObject({ base: { commit, version: 27 } });
    }
    expect((await repository.check(['--base', 'HEAD'])).document).toMatchObject({ changed: false });
  });

  test('is the branch of that name, also where a tag is called so, which git would take', async () => {
    await using repository = await pullRequest();
    const commit = await repository.git('rev-parse', 'refs/heads/main');
    await repository.git('update-ref', 'refs/remotes/origin/release', commit);
    await repository.git('update-ref', 'refs/remotes/origin/HEAD', commit);
    const names = ['main', 'release', 'origin/release', commit];
    for (const name of [...names, 'HEAD']) await repository.git('update-ref', `refs/tags/${name}`, 'HEAD');
    expect(await repository.git('rev-parse', 'main')).not.toBe(commit);
    for (const name of names) {
      expect((await repository.check(['--base', name])).document).toMatchObject({ base: { commit }, changed: true });
    }
    expect((await repository.check(['--base', 'refs/tags/main'])).document).toMatchObject({ changed: false });
    expect((await repository.check(['--base', 'HEAD'])).document).toMatchObject({ changed: false });
  });

  test('is the branch that a pull request goes into', async () => {
    await using repository = await pullRequest();
    await repository.git('update-ref', 'refs/remotes/origin/release', 'HEAD');
    const end = await repository.check([], { GITHUB_BASE_REF: 'release' });
    expect(end.document).toMatchObject({ base: { ref: 'origin/release' }, changed: false });
  });

  test("is the local branch or the remote's, whichever has more", async () => {
    await using repository = await pullRequest();
    expect((await repository.check()).document).toMatchObject({ base: { ref: 'main' } });
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    expect((await repository.check()).document).toMatchObject({ base: { ref: 'origin/main' }, changed: false });
  });

  test("is the remote's when the branch itself is checked out", async () => {
    await using repository = await pullRequest();
    await repository.git('checkout', '--quiet', '-B', 'main');
    expect((await repository.check()).document).toMatchObject({ base: { ref: 'origin/main' }, changed: true });
    await repository.git('update-ref', '-d', 'refs/remotes/origin/main');
    expect((await repository.check()).document).toMatchObject({ base: { ref: 'main' }, changed: false });
  });

  test('is found from a merge commit without a branch, as GitHub checks one out', async () => {
    await using origin = await pullRequest();
    await origin.git('checkout', '--quiet', '--detach', 'main');
    await origin.git('merge', '--quiet', '--no-ff', '--no-edit', 'change');
    await origin.git('update-ref', 'refs/pull/1/merge', 'HEAD');
    await origin.git('checkout', '--quiet', 'change');
    await using repository = await checkoutOf(origin, '+refs/pull/1/merge:refs/remotes/pull/1/merge');
    await repository.git('fetch', '--quiet', 'origin', '+refs/heads/*:refs/remotes/origin/*');
    const end = await repository.check([], inPullRequest);
    expect(end.document).toMatchObject({ base: { ref: 'origin/main' }, head: { version: 28 }, requiredVersion: 28 });
  });

  test.each([
    ['HEAD is the pull request, nothing else was fetched', 'change', false, 'git fetch --unshallow origin'],
    ['the base was fetched, but not what lies between', 'change', true, 'git fetch --deepen=100 origin'],
  ])('that a shallow clone does not know is asked for: %s', async (_, ref, fetchBase, hint) => {
    await using origin = await pullRequest();
    await using repository = await checkoutOf(origin, ref, 1);
    if (fetchBase) {
      await repository.git('fetch', '--quiet', '--depth=1', 'origin', '+refs/heads/main:refs/remotes/origin/main');
    }
    const end = await repository.check([], inPullRequest);
    expect(end.code).toBe(2);
    expect(end.stdout).toContain(hint);
    expect(end.stdout).toContain('fetch-depth: 0');
    await repository.git('fetch', '--quiet', '--unshallow', 'origin', '+refs/heads/*:refs/remotes/origin/*');
    expect((await repository.check([], inPullRequest)).document).toMatchObject({ requiredVersion: 28 });
  });

  test.each([
    ['that is not there', 'nowhere', 'git fetch origin nowhere'],
    ['that looks like an option', '--output=pwned', 'name another base'],
    ['that is empty', '', 'name another base'],
  ])('%s is a mistake of the command line', async (_, base, hint) => {
    await using repository = await pullRequest();
    const end = await repository.check([`--base=${base}`]);
    expect(end.code).toBe(2);
    expect(end.document).toMatchObject({ error: { code: 'USAGE' } });
    expect(end.stdout).toContain(hint);
    expect(await repository.git('status', '--porcelain')).toBe('');
  });

  test('has something in common with the change', async () => {
    await using repository = await pullRequest();
    await repository.git('checkout', '--quiet', '--orphan', 'alone');
    await repository.commit('alone');
    const end = await repository.check(['--base', 'main']);
    expect(end.code).toBe(2);
    expect(end.stdout).toContain('no history in common');
  });
});

describe.concurrent('check', missing, () => {
  const CONFIG = { tool: 'demo', targets: ['amd64-any'] };

  test('needs a git repository, and says so', async () => {
    await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n' });
    const end = await toolcrib(['check'], { cwd: project.folder, env: { GIT_CEILING_DIRECTORIES: project.folder } });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('is not in a git repository');
  });

  test('needs a commit', async () => {
    await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n' });
    await promisify(execFile)('git', ['init', '--quiet'], { cwd: project.folder });
    const end = await toolcrib(['check'], { cwd: project.folder });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('has no commit yet');
  });

  test('needs git', async () => {
    await using repository = await pullRequest();
    const end = await toolcrib(['check'], { cwd: repository.folder, env: { PATH: '/nowhere' } });
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('the program git was not found');
  });

  test('needs a configuration', async () => {
    await using project = await scratchProject();
    expect(await toolcrib(['check'], { cwd: project.folder })).toMatchObject({ code: 2 });
  });

  test('works in a project below the top of a repository, and from a folder below that', async () => {
    await using repository = await gateRepository();
    await repository.write('tools/demo/toolcrib.json', JSON.stringify(CONFIG));
    await repository.write('tools/demo/tool-version.txt', '1\n');
    await repository.write('tools/demo/src/main.c', 'int main;');
    await repository.commit('demo');
    await repository.git('update-ref', 'refs/heads/main', 'HEAD');
    await repository.append('README.md', 'x');
    const demo = repositoryAt(join(repository.folder, '..'), () => Promise.resolve(), 'work/tools/demo/src');
    expect(await demo.check()).toMatchObject({ code: 0, document: { tool: 'demo', changed: false } });
    await demo.append('main.c', 'x');
    const end = await demo.check();
    expect(end.said['sources']).toContain('tools/demo/src/main.c');
    expect(end.said['version']).toContain('tools/demo/tool-version.txt');
  });
});
