import { execFile } from 'node:child_process';
import { chmod, chown, cp, readdir, rename, rm, symlink, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { startCli, toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  gateRepository,
  removeTemplate,
  repositoryAt,
  SOURCE,
  SUMS_FILE,
  TOOL,
  VERSION_FILE,
  type GateRepository,
} from './gate-repository.ts';

const missing = requireOrSkip(await programsMissing('git'));
afterAll(removeTemplate);

/** A program that leaves a trace when anybody runs it, and then does what it is called for. */
async function trap(repository: GateRepository, name: string): Promise<string> {
  const path = join(repository.folder, '..', `trap-${name}`);
  await repository.write(`../trap-${name}`, `#!/bin/sh\ntouch "${path}.sprung"\ncat\n`);
  await chmod(path, 0o755);
  return path;
}

/** The traps that went off. */
async function sprung(repository: GateRepository): Promise<readonly string[]> {
  return (await readdir(join(repository.folder, '..'))).filter((name) => name.endsWith('.sprung'));
}

/** Makes a file look changed to git, which would like to note that it is not. */
async function touch(repository: GateRepository): Promise<void> {
  await utimes(join(repository.folder, SOURCE), 1_700_000_000, 1_700_000_000);
}

const HOOKS = ['post-index-change', 'post-checkout', 'pre-commit', 'reference-transaction', 'fsmonitor-watchman'];

describe.concurrent('a hostile repository', missing, () => {
  /** Settings of the repository's own configuration by which git runs programs. */
  const SETTINGS: readonly [string, (program: string) => Record<string, string>][] = [
    ['fsmonitor', (program) => ({ 'core.fsmonitor': program })],
    ['external diff', (program) => ({ 'diff.external': program, 'diff.evil.command': program })],
    ['textconv', (program) => ({ 'diff.evil.textconv': program, 'diff.evil.cachetextconv': 'true' })],
    ['clean filter', (program) => ({ 'filter.evil.clean': program, 'filter.evil.required': 'true' })],
    ['process filter', (program) => ({ 'filter.evil.process': program, 'filter.evil.required': 'true' })],
    ['pager', (program) => ({ 'core.pager': program, 'pager.diff': program, 'pager.show': program })],
    ['signature check', (program) => ({ 'gpg.program': program, 'log.showSignature': 'true' })],
    ['alias', (program) => ({ 'alias.diff': `!${program}`, 'alias.rev-parse': `!${program}` })],
    ['ssh command', (program) => ({ 'core.sshCommand': program, 'core.gitProxy': program })],
    ['hooks folder', () => ({ 'core.hooksPath': '../hooks' })],
  ];

  test.each(SETTINGS)('runs no program of its choice: %s', async (_, settings) => {
    await using repository = await gateRepository();
    const program = await trap(repository, 'program');
    await repository.write('.gitattributes', '* diff=evil filter=evil\n');
    await repository.commit('attributes');
    for (const name of HOOKS) {
      await repository.write(`../hooks/${name}`, `#!/bin/sh\ntouch ${program}.sprung\n`);
      await chmod(join(repository.folder, '../hooks', name), 0o755);
    }
    for (const [key, value] of Object.entries(settings(program))) await repository.git('config', key, value);
    await repository.append(SOURCE, '# changed\n');
    const end = await repository.check(['--fix']);
    expect(end.document, end.stdout).toMatchObject({ changed: true, requiredVersion: 28 });
    expect(await sprung(repository)).toEqual([]);
  });

  test.each([
    ['the attribute that makes files sources', [':(attr:ships)src'], 'src/** ships\n', ''],
    ['an attribute that takes files out', ['src', ':(exclude,attr:is-test)'], '', 'src/** is-test\n'],
  ])('cannot say by attributes what ships: %s', async (_, sources, before, after) => {
    await using repository = await gateRepository();
    await repository.configure({ sources });
    await repository.write('.gitattributes', before);
    await repository.commit('a base whose sources go by attributes');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    await repository.append(SOURCE, '# changed\n');
    await repository.write('.gitattributes', after);
    await repository.commit('change');
    const end = await repository.check();
    expect(end.code, end.stdout).toBe(2);
    expect(end.document).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(end.stdout).toContain(':(exclude)');
    await repository.configure({ sources: ['docs'] });
    expect((await repository.check()).document).toMatchObject({ changed: true, verdict: 'failed' });
  });

  test('is one whose traps would go off for anybody else', async () => {
    await using repository = await gateRepository();
    const program = await trap(repository, 'program');
    await repository.write('.gitattributes', '* filter=evil\n');
    await repository.commit('attributes');
    await repository.git('config', 'filter.evil.clean', program);
    await repository.append(SOURCE, '# changed\n');
    await repository.git('diff', '--stat');
    expect(await sprung(repository)).not.toEqual([]);
  });

  test('brings no hooks that run', async () => {
    await using repository = await gateRepository();
    for (const name of HOOKS) {
      await repository.write(`.git/hooks/${name}`, `#!/bin/sh\ntouch ${repository.folder}/../${name}.sprung\n`);
      await chmod(join(repository.folder, '.git/hooks', name), 0o755);
    }
    await touch(repository);
    await repository.check();
    expect(await sprung(repository)).toEqual([]);
  });

  test("runs nothing that a submodule's own configuration names, and nothing to get what is missing", async () => {
    await using repository = await gateRepository();
    const program = join(repository.folder, '../trap-program');
    await repository.write('../trap-program', `#!/bin/sh\ntouch "${program}.sprung"\n`);
    await chmod(program, 0o755);
    const path = 'src/inspect_sandbox_tools/vendored';
    const submodule = repositoryAt(repository.folder, () => Promise.resolve(), path);
    await submodule.write('file', 'x\n');
    await submodule.write('.gitattributes', '* filter=evil\n');
    await submodule.git('init', '--quiet');
    await submodule.commit('first');
    await repository.commit('with a submodule');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    await submodule.git('config', 'filter.evil.clean', program);
    await submodule.git('config', 'core.fsmonitor', program);
    await repository.git('config', 'extensions.partialClone', 'origin');
    await repository.git('config', 'remote.origin.url', repository.folder);
    await repository.git('config', 'remote.origin.uploadpack', program);
    await repository.git('config', 'remote.origin.promisor', 'true');
    await submodule.write('file', 'changed\n');
    await touch(repository);
    expect((await repository.check()).document).toMatchObject({ changed: false });
    const blob = await repository.git('rev-parse', `HEAD:${VERSION_FILE}`);
    await rm(join(repository.folder, '.git/objects', blob.slice(0, 2), blob.slice(2)));
    const end = await repository.check();
    expect(end.document).toMatchObject({ error: { code: 'STORAGE' } });
    expect(end.stdout).toContain('fetch');
    expect(await sprung(repository)).toEqual([]);
    await submodule.git('status').catch(() => undefined);
    await repository.git('cat-file', 'blob', blob).catch(() => undefined);
    expect(await sprung(repository)).toEqual(['trap-program.sprung']);
  });

  test('has no folder that is taken for a repository of its own', async () => {
    await using repository = await gateRepository();
    const program = await trap(repository, 'program');
    await cp(join(repository.folder, '.git'), join(repository.folder, 'bare'), { recursive: true });
    await repository.write('bare/config', `[core]\n\tbare = false\n\tworktree = ..\n\tfsmonitor = ${program}\n`);
    await repository.write('bare/toolcrib.json', JSON.stringify({ tool: 'demo', targets: ['amd64'] }));
    const bare = repositoryAt(join(repository.folder, '..'), () => Promise.resolve(), 'work/bare');
    const end = await bare.check();
    expect(end.code).toBe(2);
    expect(await sprung(repository)).toEqual([]);
  });

  test('is not changed by being looked at, also when its index could be refreshed', async () => {
    await using repository = await gateRepository();
    await touch(repository);
    const before = await repository.git('hash-object', '.git/index');
    await repository.check();
    expect(await repository.git('hash-object', '.git/index')).toBe(before);
    await repository.git('diff', '--quiet');
    expect(await repository.git('hash-object', '.git/index')).not.toBe(before);
  });

  test('has names that no terminal, and no log of a job, acts upon', async () => {
    await using repository = await gateRepository();
    const folder = 'src/inspect_sandbox_tools/src';
    const names = ['a\n::error::b', '##[set-output name=build]false', 'c\x1b[31m\x07', '\u202Ed', '|`<img>`|'];
    for (const name of names) await repository.write(`${folder}/${name}`, '');
    await repository.commit('names');
    const env = {
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: join(repository.folder, '../output'),
      GITHUB_STEP_SUMMARY: join(repository.folder, '../summary'),
    };
    const text = await toolcrib(['check'], { cwd: repository.folder, env });
    expect(text.code).toBe(9);
    expect(text.stdout).toMatch(/^[\x20-\x7e\n]*$/);
    const json = await toolcrib(['check', '--json'], { cwd: repository.folder, env });
    expect(json.stdout.split('\n')).toHaveLength(2);
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain('##[set-output name=build]false');
    for (const output of [text.stdout, text.stderr, json.stdout, json.stderr]) {
      expect(output).not.toContain('##[');
      expect(output.split('\n').filter((line) => line.startsWith('::'))).toSatisfy((lines: string[]) =>
        lines.every((line) => /^::error (?:file|title)=/.test(line)),
      );
    }
    const summary = await repository.read('../summary');
    expect(summary).not.toMatch(/<img|`/);
    expect(await repository.read('../output')).toMatch(/^(?:[a-z-]+=[^\n]*\n){10}$/);
  });

  test('cannot have another variable of git decide which repository is looked at', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    const env = {
      GIT_DIR: '/nowhere',
      GIT_WORK_TREE: '/',
      GIT_INDEX_FILE: '/nowhere/index',
      GIT_EXTERNAL_DIFF: 'false',
    };
    expect((await repository.check([], env)).document).toMatchObject({ changed: true });
  });

  /** Each makes the repository lead to a secret beside it, and says why that is refused. */
  const LEADS: readonly [string, string, (it: GateRepository) => Promise<void>][] = [
    [
      'a link on the way to the sums file',
      'h is a link',
      async (it) => {
        await symlink('../home', join(it.folder, 'h'));
        await it.configure({ sumsFile: 'h/credentials' });
      },
    ],
    [
      'a link on the way to the version file',
      'src/h is a link',
      async (it) => {
        await symlink('../../home', join(it.folder, 'src/h'));
        await it.configure({ versionFile: 'src/h/credentials' });
      },
    ],
    [
      'a link to a folder that has another below it',
      'h is a link',
      async (it) => {
        await symlink('..', join(it.folder, 'h'));
        await it.configure({ versionFile: 'h/home/credentials' });
      },
    ],
    ["a version file of git's own", "it is git's own", (it) => it.configure({ versionFile: '.git/config' })],
    ["a sums file of git's own", "it is git's own", (it) => it.configure({ sumsFile: 'src/.GIT/config' })],
    [
      'a link in place of its configuration',
      'it is a link',
      async (it) => {
        await it.remove('toolcrib.json');
        await symlink('../home/credentials', join(it.folder, 'toolcrib.json'));
      },
    ],
  ];

  test.each(LEADS)('shows and writes nothing that is not its own, by %s', async (_, why, lead) => {
    await using repository = await gateRepository();
    const secret = 'hush = "hush-hush"\n';
    await repository.write('../home/credentials', secret);
    await repository.git('config', 'hush.hush', 'hush-hush');
    const settings = await repository.read('.git/config');
    await lead(repository);
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    for (const args of [[], ['--fix']]) {
      const end = await repository.check(args);
      expect(end.code).toBe(2);
      expect(end.stdout).toContain('CONFIG_INVALID');
      expect(end.stdout).toContain(why);
      expect(end.stdout + end.stderr).not.toContain('hush');
    }
    expect(await repository.read('../home/credentials')).toBe(secret);
    expect(await repository.read('.git/config')).toBe(settings);
  });

  test('has no pipe for a configuration, which would be waited for', async () => {
    await using repository = await gateRepository();
    await repository.remove('toolcrib.json');
    await promisify(execFile)('mkfifo', [join(repository.folder, 'toolcrib.json')]);
    const end = await repository.check();
    expect(end.code).toBe(2);
    expect(end.stdout).toContain('it is not a regular file');
  });

  test('is not shown a configuration that a link leads to, also when one is named', async () => {
    await using repository = await gateRepository();
    await repository.write('../home/toolcrib.json', 'hush-hush');
    await symlink('../home', join(repository.folder, 'h'));
    const end = await toolcrib(['--config', 'h/toolcrib.json', 'check'], { cwd: repository.folder });
    expect(end.code).toBe(2);
    expect(end.stdout + end.stderr).not.toContain('hush');
  });

  test('is told where its files are wrong, and nothing of what they hold', async () => {
    await using repository = await gateRepository();
    await repository.write(VERSION_FILE, 'hush-hush\n');
    await repository.write(SUMS_FILE, `${'0'.repeat(64)}  ${TOOL}-amd64-v28\nhush-hush\n`);
    await repository.append(SOURCE, '# changed\n');
    const end = await repository.check();
    expect(end.said['version']).toContain(`${VERSION_FILE}:1: expected one integer`);
    expect(end.said['sums']).toContain(`${SUMS_FILE}:2: expected "<64 hex>  <name>"`);
    expect(end.stdout + end.stderr).not.toContain('hush');
  });

  test('makes a store of nothing else that this machine can reach, to have it quoted', async () => {
    await using repository = await gateRepository();
    await repository.write('../home/credentials', 'hush-hush\n');
    for (const name of [`${TOOL}-v27.SHA256SUMS`, `${TOOL}-v27.json`]) {
      await symlink('../home/credentials', join(repository.folder, '../store', `${name}.link`));
      await rename(join(repository.store, `${name}.link`), join(repository.store, name));
      const end = await repository.check();
      expect(end.said['store']).toContain(`what stands there as ${TOOL} v27 is not a release`);
      expect(end.stdout + end.stderr).not.toContain('hush');
    }
  });

  test('may itself be reached by a link', async () => {
    await using repository = await gateRepository();
    const link = join(repository.folder, '../link');
    await symlink('work', link);
    const end = await toolcrib(['--config', join(link, 'toolcrib.json'), 'check', '--json'], { cwd: link });
    expect(end).toMatchObject({ code: 0 });
  });

  test('of another user is not read, and the way out is said', async () => {
    await using repository = await gateRepository();
    await chown(repository.folder, 12_345, 12_345);
    const end = await repository.check();
    expect(end.code).toBe(2);
    expect(end.stdout).toContain('it belongs to another user');
    expect(end.stdout).toContain('safe.directory');
    const settings = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' };
    expect(await repository.check([], settings)).toMatchObject({ code: 0 });
  });

  test('is let go of when the user stops', async () => {
    await using repository = await gateRepository();
    const slow = join(repository.folder, '../bin');
    await repository.write('../bin/git', `#!/bin/sh\necho started >&2\ntouch "${slow}/started"\nexec sleep 60\n`);
    await chmod(join(slow, 'git'), 0o755);
    const started = startCli(['check', '--json'], {
      cwd: repository.folder,
      env: { PATH: `${slow}:${process.env['PATH'] ?? ''}` },
    });
    while (!(await readdir(slow)).includes('started')) await new Promise((resolve) => setImmediate(resolve));
    started.process.kill('SIGINT');
    const end = await started.end;
    expect(end.code).toBe(130);
    expect(end.stdout).toContain('INTERRUPTED');
  });
});
