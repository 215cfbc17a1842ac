import { chmod, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { toolcrib } from '../cli/command-line.ts';
import { programsMissing } from '../build/samples.ts';
import {
  CONFIG,
  gateRepository,
  publishTo,
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

/** A change whose sources, version and pins are done; its release is published elsewhere. */
async function pinnedChange(): Promise<GateRepository> {
  const repository = await gateRepository();
  await repository.append(SOURCE, '# changed\n');
  await repository.write(VERSION_FILE, '28\n');
  await repository.commit('change');
  await repository.write(SUMS_FILE, await publishTo(join(repository.folder, '../elsewhere'), 28, ''));
  await repository.commit('sums');
  return repository;
}

/** A change as it is when all was done for it. */
async function finishedChange(): Promise<GateRepository> {
  const repository = await pinnedChange();
  await repository.publish(28);
  return repository;
}

describe.concurrent('what ships', missing, () => {
  const BESIDE = 'src/inspect_sandbox_tools/src/inspect_sandbox_tools/_cli/server.py';
  const CHANGES: readonly [string, string, (repository: GateRepository) => Promise<unknown>][] = [
    ['a new file', `${BESIDE} (added)`, async (it) => (await it.write(BESIDE, ''), await it.commit('x'))],
    ['a file that is not even added', `${BESIDE} (untracked)`, (it) => it.write(BESIDE, '')],
    ['a file that is not committed', SOURCE, (it) => it.append(SOURCE, '#')],
    ['a deleted file', `${SOURCE} (deleted)`, async (it) => (await it.remove(SOURCE), await it.commit('x'))],
    ['a renamed file', `${SOURCE} (deleted)`, async (it) => (await it.git('mv', SOURCE, BESIDE), await it.commit('x'))],
    [
      'a file that moved to where nothing ships',
      `${SOURCE} (deleted)`,
      async (it) => (await it.git('mv', SOURCE, 'tests/main.py'), await it.commit('x')),
    ],
    [
      'a mode',
      `${SOURCE} (mode changed)`,
      async (it) => (await chmod(join(it.folder, SOURCE), 0o755), await it.commit('x')),
    ],
    [
      'a file that became a link',
      `${SOURCE} (type changed)`,
      async (it) => {
        await it.remove(SOURCE);
        await symlink('x', join(it.folder, SOURCE));
        await it.commit('x');
      },
    ],
    [
      'the build command',
      'toolcrib.json: build',
      async (it) => (await it.configure({ build: { driver: 'command', command: 'make' } }), await it.commit('x')),
    ],
    ['the targets', 'toolcrib.json: targets', (it) => it.configure({ targets: ['amd64', 'arm64'] })],
  ];
  test.each(CHANGES)('changes by %s', async (_, words, change) => {
    await using repository = await gateRepository();
    await change(repository);
    const { said, outcomes, document } = await repository.check();
    expect(said['sources']).toContain(words);
    expect(outcomes['version']).toBe('failed');
    expect(document).toMatchObject({ changed: true, requiredVersion: 28 });
  });

  test('does not change by where things are, who may do what, and a build that lies in the binaries folder', async () => {
    await using repository = await gateRepository();
    await repository.configure({
      baseBranch: 'main',
      install: ['/opt/tools'],
      targets: ['arm64-musl', 'arm64', 'amd64', 'amd64-musl'],
    });
    await repository.commit('configuration');
    await repository.write(`src/inspect_ai/binaries/${TOOL}-amd64-v27`, 'x');
    expect(await repository.check()).toMatchObject({ code: 0, document: { changed: false } });
  });

  test('does not change by files that only look changed, and changes by those that were committed and touched', async () => {
    await using repository = await gateRepository();
    const touch = () => utimes(join(repository.folder, SOURCE), 1_700_000_000, 1_700_000_000);
    await touch();
    expect(await repository.check()).toMatchObject({ code: 0, document: { changed: false } });
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('change');
    await touch();
    const { document, said } = await repository.check();
    expect(document).toMatchObject({ changed: true, head: { uncommitted: false } });
    expect(said['sources']).toContain(SOURCE);
  });

  test('is what either side says: a change cannot take its own files out of the gate', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.configure({ sources: ['README.md'] });
    await repository.commit('change');
    const { document, said } = await repository.check();
    expect(document).toMatchObject({ changed: true, requiredVersion: 28 });
    expect(said['sources']).toContain(SOURCE);
  });

  test('is compared by the commit of a submodule, whatever .gitmodules wants ignored', async () => {
    await using repository = await gateRepository();
    await using other = await gateRepository();
    const path = 'src/inspect_sandbox_tools/vendored';
    const allow = ['-c', 'protocol.file.allow=always'];
    await repository.git(...allow, 'submodule', '--quiet', 'add', other.folder, path);
    await repository.git('config', '--file', '.gitmodules', `submodule.${path}.ignore`, 'all');
    await repository.commit('submodule');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    expect((await repository.check()).document).toMatchObject({ changed: false });
    await other.commit('newer');
    await repository.git('-C', path, ...allow, 'pull', '--quiet', 'origin', 'change');
    expect((await repository.check()).said['sources']).toContain(path);
    await repository.git('add', path);
    await repository.git('commit', '--quiet', '--all', '--message', 'newer');
    expect((await repository.check()).document).toMatchObject({ changed: true });
  });

  test('of a project whose pathspecs git cannot read is a mistake of the configuration', async () => {
    await using repository = await gateRepository();
    await repository.configure({ sources: [':(nonsense)x'] });
    const end = await repository.check();
    expect(end.code).toBe(2);
    expect(end.document).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    expect(end.stdout).toContain('nonsense');
  });
});

describe.concurrent('the version', missing, () => {
  test.each([
    ['twenty-eight\n', 'expected one integer'],
    ['028\n', 'expected one integer'],
    ['', 'expected one integer'],
    ['28', 'exactly one integer and a newline'],
  ])('is one integer and a newline, not %j', async (text, words) => {
    await using repository = await finishedChange();
    await repository.write(VERSION_FILE, text);
    const { said, code, outcomes } = await repository.check();
    expect(code).toBe(9);
    expect(said['version']).toContain(words);
    expect(outcomes).toMatchObject({ version: 'failed', sums: 'ok', store: 'ok' });
  });

  test('is a regular file: a link would show what else is on the machine', async () => {
    await using repository = await gateRepository();
    await writeFile(join(repository.folder, '../secret'), 'hush-hush');
    await rm(join(repository.folder, VERSION_FILE));
    await symlink(join(repository.folder, '../secret'), join(repository.folder, VERSION_FILE));
    const end = await repository.check();
    expect(end.said['version']).toContain('is not a regular file');
    expect(end.stdout + end.stderr).not.toContain('hush');
  });

  test('has to be there', async () => {
    await using repository = await gateRepository();
    await repository.remove(VERSION_FILE);
    expect((await repository.check()).said['version']).toContain('is not there');
  });

  test('passes over versions that a store holds with other digests, and names the store', async () => {
    await using repository = await gateRepository();
    await repository.publish(28, 'of somebody else');
    await repository.publish(29, 'of somebody else');
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, '28\n');
    const { said, document } = await repository.check();
    expect(document).toMatchObject({ requiredVersion: 30 });
    expect(said['version']).toContain(`expected v30 (v28 is taken in file:${repository.store}; v29 is taken in`);
    expect(said['version']).toContain('if v28 there is the release of exactly these sources, commit the sums file');
    expect((await repository.check(['--offline'])).document).toMatchObject({ requiredVersion: 28 });
  });

  test('is used up by a claim that cannot be read', async () => {
    await using repository = await gateRepository();
    await writeFile(join(repository.store, `${TOOL}-v28.SHA256SUMS`), 'garbage\n');
    await repository.append(SOURCE, '# changed\n');
    expect((await repository.check()).document).toMatchObject({ requiredVersion: 29 });
  });

  test('is above what the base has by now, also when the change began earlier', async () => {
    await using repository = await finishedChange();
    await repository.git('checkout', '--quiet', 'main');
    await repository.append(SOURCE, '# of somebody else\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.commit('theirs');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    await repository.git('checkout', '--quiet', 'change');
    const { said, document } = await repository.check();
    expect(document).toMatchObject({ requiredVersion: 29 });
    expect(said['version']).toContain('incorrect version bump: v28');
  });

  test('stays when the change has nothing to do with it and the base went on', async () => {
    await using repository = await gateRepository();
    await repository.append('README.md', 'x');
    await repository.commit('change');
    await repository.git('checkout', '--quiet', 'main');
    await repository.append(SOURCE, '# theirs\n');
    await repository.write(VERSION_FILE, '28\n');
    await repository.commit('theirs');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    await repository.git('checkout', '--quiet', 'change');
    expect(await repository.check()).toMatchObject({ code: 0, document: { requiredVersion: 27, changed: false } });
  });

  test('is found where the base has it when its file moved', async () => {
    await using repository = await gateRepository();
    await repository.git('mv', VERSION_FILE, 'version.txt');
    await repository.configure({ versionFile: 'version.txt' });
    await repository.commit('move');
    expect(await repository.check()).toMatchObject({ code: 0, document: { base: { version: 27 }, changed: false } });
    await repository.write('version.txt', '1\n');
    expect((await repository.check()).said['version']).toContain('version decrease');
  });

  test('goes on when the project moves to another folder, which changes all of its sources', async () => {
    await using repository = await gateRepository();
    await repository.git('mv', 'src', 'moved');
    await repository.configure({
      sources: ['inspect_sandbox_tools'],
      versionFile: VERSION_FILE.slice(4),
      sumsFile: SUMS_FILE.slice(4),
    });
    await repository.git('mv', 'toolcrib.json', 'moved/toolcrib.json');
    await repository.commit('move');
    const moved = repositoryAt(join(repository.folder, '..'), () => Promise.resolve(), 'work/moved');
    const { document, said } = await moved.check();
    expect(document).toMatchObject({ base: { version: 27 }, changed: true, requiredVersion: 28 });
    expect(said['version']).toContain('missing version bump');
  });

  /** Places to which a change takes the configuration, which begins at the top. */
  const MOVES: readonly [string, string, (repository: GateRepository) => Promise<unknown>][] = [
    [
      'moves the configuration away, so that nothing of the sources is below it',
      'src/inspect_ai',
      async (it) => {
        await it.git('mv', 'toolcrib.json', 'src/inspect_ai/toolcrib.json');
        await it.append(SOURCE, '# changed\n');
      },
    ],
    [
      'copies it, and leaves the old one',
      'tests',
      async (it) => {
        await it.write('tests/toolcrib.json', await it.read('toolcrib.json'));
        await it.append(SOURCE, '# changed\n');
      },
    ],
    [
      'renames the sources along with it',
      'moved',
      async (it) => {
        await it.git('mv', 'src', 'moved');
        await it.git('mv', 'toolcrib.json', 'moved/toolcrib.json');
      },
    ],
  ];
  test.each(MOVES)('goes on for a change that %s', async (_, folder, move) => {
    await using repository = await gateRepository();
    await move(repository);
    const moved = repositoryAt(join(repository.folder, '..'), () => Promise.resolve(), `work/${folder}`);
    await moved.configure({ sources: ['nothing'], versionFile: 'version.txt', sumsFile: 'SUMS', stores: [] });
    for (const version of ['1', '27']) {
      await moved.write('version.txt', `${version}\n`);
      await repository.commit(version);
      const { document, said, outcomes } = await moved.check();
      expect(document).toMatchObject({ base: { version: 27 }, changed: true, requiredVersion: 28 });
      expect(outcomes).toMatchObject({ version: 'failed' });
      expect(said['sources']).toContain('src/inspect_sandbox_tools/');
    }
  });

  test('does not move with a configuration that is copied while no source changes', async () => {
    await using repository = await gateRepository();
    await repository.write('tests/toolcrib.json', await repository.read('toolcrib.json'));
    const copy = repositoryAt(join(repository.folder, '..'), () => Promise.resolve(), 'work/tests');
    await copy.configure({
      sources: CONFIG.sources.map((pathspec) => pathspec.replace('src/', '../src/')),
      ...{ versionFile: `../${VERSION_FILE}`, sumsFile: `../${SUMS_FILE}`, binaries: '../binaries' },
    });
    await repository.commit('copy');
    expect(await copy.check()).toMatchObject({ code: 0, document: { base: { version: 27 }, changed: false } });
  });

  test('cannot be left behind by taking the configuration away', async () => {
    await using repository = await gateRepository();
    await repository.remove('toolcrib.json');
    await repository.append(SOURCE, '# changed\n');
    await repository.commit('no gate');
    const end = await repository.check();
    expect(end).toMatchObject({ code: 2, document: { error: { code: 'USAGE' } } });
    expect((await toolcrib(['--config', 'toolcrib.json', 'check'], { cwd: repository.folder })).code).toBe(3);
  });

  test('is whatever is free in a project that the base does not have', async () => {
    await using repository = await gateRepository();
    const [root] = (await repository.git('rev-list', '--max-parents=0', 'HEAD')).split('\n');
    await repository.git('checkout', '--quiet', '--orphan', 'empty');
    await repository.git('rm', '-r', '--quiet', '--cached', '.');
    await repository.git('commit', '--quiet', '--allow-empty', '--message', 'nothing');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    await repository.git('checkout', '--quiet', '--force', root ?? '', '--', '.');
    await repository.commit('the project');
    const end = await repository.check();
    expect(end).toMatchObject({ code: 0, document: { base: { version: null }, requiredVersion: 27, changed: true } });
    await repository.publish(27, '').then(() => repository.write(SUMS_FILE, '').then(() => repository.commit('x')));
    expect((await repository.check()).document).toMatchObject({ requiredVersion: 28 });
  });
});

describe.concurrent('the sums', missing, () => {
  const FAILURES: readonly [string, string, (repository: GateRepository) => Promise<unknown>][] = [
    ['are missing', 'is not there', (it) => it.remove(SUMS_FILE)],
    [
      'pin a target too few',
      'does not pin inspect-sandbox-tools-arm64-v28',
      async (it) => {
        const lines = (await it.read(SUMS_FILE)).split('\n').filter((line) => !line.endsWith('arm64-v28'));
        await it.write(SUMS_FILE, lines.join('\n'));
      },
    ],
    [
      'pin something too much',
      'pins other-amd64-v28',
      (it) => it.append(SUMS_FILE, `${'a'.repeat(64)}  other-amd64-v28\n`),
    ],
    [
      'pin another version',
      'does not pin',
      async (it) => it.write(SUMS_FILE, (await it.read(SUMS_FILE)).replaceAll('v28', 'v29')),
    ],
    ['are none', 'expected "<64 hex>  <name>"', (it) => it.write(SUMS_FILE, 'hello\n')],
    ['name something twice', 'listed twice', async (it) => it.append(SUMS_FILE, await it.read(SUMS_FILE))],
    [
      'are those of the base',
      'was not rewritten',
      async (it) => it.write(SUMS_FILE, `${await it.git('show', `origin/main:${SUMS_FILE}`)}\n`),
    ],
  ];
  test.each(FAILURES)('of a new version fail when they %s', async (_, words, change) => {
    await using repository = await pinnedChange();
    await change(repository);
    const { said, code, outcomes } = await repository.check();
    expect(code).toBe(9);
    expect(said['sums']).toContain(words);
    expect(said['sums']).toContain('toolcrib fetch --run ID --sums');
    expect(outcomes).toMatchObject({ sources: 'ok', version: 'ok', sums: 'failed', store: 'skipped' });
  });

  test('of an unchanged version fail when a byte of them changed', async () => {
    await using repository = await gateRepository();
    await repository.write(
      SUMS_FILE,
      (await repository.read(SUMS_FILE)).toUpperCase().replaceAll('INSPECT', 'inspect'),
    );
    expect((await repository.check()).said['sums']).toContain('changed, but the version did not');
  });

  test('may be written for the first time for what is published already', async () => {
    await using repository = await gateRepository();
    const sums = await repository.read(SUMS_FILE);
    await repository.git('checkout', '--quiet', 'main');
    await repository.remove(SUMS_FILE);
    await repository.commit('no pins');
    await repository.git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    expect(await repository.check()).toMatchObject({ code: 0, outcomes: { sums: 'ok', store: 'skipped' } });
    await repository.write(SUMS_FILE, sums);
    expect(await repository.check()).toMatchObject({ code: 0, outcomes: { sums: 'ok', store: 'ok' } });
    await repository.write(
      SUMS_FILE,
      sums.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    expect(await repository.check()).toMatchObject({ code: 9, outcomes: { sums: 'ok', store: 'failed' } });
  });

  test('are stale when sources changed after them: what was published of the older ones is taken', async () => {
    await using repository = await finishedChange();
    expect((await repository.check()).code).toBe(0);
    await repository.append(SOURCE, '# once more\n');
    await repository.commit('once more');
    const { said, document, code } = await repository.check();
    expect(code).toBe(9);
    expect(document).toMatchObject({ requiredVersion: 29, build: { needed: false } });
    expect(said['version']).toContain('v28 is taken');
  });
});

describe.concurrent('a store', missing, () => {
  const FAILURES: readonly [string, string, (repository: GateRepository) => Promise<unknown>][] = [
    [
      'does not have the release',
      'does not have v28',
      (it) => rm(it.store, { recursive: true }).then(() => publishTo(it.store, 27, '')),
    ],
    [
      'has a claim that was never completed',
      'was begun with the pinned digests and never completed',
      (it) => rm(join(it.store, `${TOOL}-v28.json`)),
    ],
    ['lacks an artifact', `lacks ${TOOL}-arm64-v28`, (it) => rm(join(it.store, `${TOOL}-arm64-v28`))],
    ['lacks the claim', 'has no stored sums', (it) => rm(join(it.store, `${TOOL}-v28.SHA256SUMS`))],
    ['has a manifest that is none', 'is not a release', (it) => writeFile(join(it.store, `${TOOL}-v28.json`), '{}')],
    [
      'answers with another version',
      'is the manifest of',
      (it) => rename(join(it.store, `${TOOL}-v27.json`), join(it.store, `${TOOL}-v28.json`)),
    ],
  ];
  test.each(FAILURES)('fails when it %s', async (_, words, damage) => {
    await using repository = await finishedChange();
    await damage(repository);
    const { said, code, outcomes } = await repository.check();
    expect(code).toBe(9);
    expect(said['store']).toContain(words);
    expect(outcomes).toMatchObject({ version: 'ok', sums: 'ok', store: 'failed' });
  });

  test('fails when the published bytes of an unchanged version are not those that are pinned', async () => {
    await using repository = await gateRepository();
    await rm(repository.store, { recursive: true });
    await repository.publish(27, 'tampered');
    const { said, code } = await repository.check();
    expect(code).toBe(9);
    expect(said['store']).toContain('holds v27 with other digests than are pinned');
    expect(said['store']).toContain('never upload over it');
  });

  test('is asked, each of them: one that lacks the release fails for itself', async () => {
    await using repository = await finishedChange();
    const second = join(repository.folder, '../second');
    await publishTo(second, 27, '');
    await repository.configure({ stores: [`file:${repository.store}`, `file:${second}`] });
    expect((await repository.check()).outcomes).toMatchObject({ store: 'ok', 'store 2': 'failed' });
  });

  test('that cannot be reached fails, for nobody can tell; offline it is left out, and that is said', async () => {
    await using repository = await finishedChange();
    await repository.configure({ stores: ['file:README.md'] });
    const end = await repository.check();
    expect(end).toMatchObject({ code: 9, outcomes: { store: 'failed' } });
    expect(end.said['store']).toContain('could not be told');
    const offline = await repository.check(['--offline']);
    expect(offline).toMatchObject({ code: 0, outcomes: { version: 'ok', sums: 'ok', store: 'skipped' } });
    expect(offline.said['store']).toContain('offline');
  });

  test('may be missing: then the next version is the base and one', async () => {
    await using repository = await finishedChange();
    await repository.configure({ stores: [] });
    const end = await repository.check();
    expect(end).toMatchObject({ code: 0, outcomes: { store: 'skipped' }, document: { requiredVersion: 28 } });
    expect(end.said['store']).toContain('no store is configured');
  });
});

describe('every rule', missing, () => {
  test('is told, also when all of them fail, in one line each', async () => {
    await using repository = await gateRepository();
    await repository.append(SOURCE, '# changed\n');
    await repository.write(VERSION_FILE, 'x\n');
    await repository.write(SUMS_FILE, 'x\n');
    const end = await repository.check(['--quiet']);
    expect(end.outcomes).toEqual({ sources: 'ok', version: 'failed', sums: 'failed', store: 'skipped' });
    expect(Object.keys(end.said)).toEqual(['sources', 'version', 'sums', 'store']);
  });
});
