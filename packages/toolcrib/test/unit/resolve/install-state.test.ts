import fc from 'fast-check';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { readInstallation } from '../../../src/flows/install-state.ts';
import { openProject } from '../../../src/flows/project.ts';
import { statedInstallation, type Installation } from '../../../src/resolve/install-state.ts';
import { failureOf } from '../core/failure.ts';
import { scratchProject } from '../cli/scratch-project.ts';

const PROJECT = { 'toolcrib.json': { tool: 'demo', targets: ['amd64-any'] }, 'tool-version.txt': '1\n' };
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

/** The install state of the project in a folder of a tree of files. */
async function stateIn(files: Readonly<Record<string, unknown>>, at = '', env = {}): Promise<Installation> {
  const inFolder = Object.entries(PROJECT).map(([name, content]): [string, unknown] => [join(at, name), content]);
  await using scratch = await scratchProject({ ...Object.fromEntries(inFolder), ...files });
  const host = createHost({ cwd: join(scratch.folder, at), env: { PATH: process.env['PATH'], ...env } });
  return await readInstallation(await openProject(host), host);
}

describe('the install state that a user says', () => {
  test.each(['package', 'clean', 'edited'])('is taken: %s', async (state) => {
    const said = { TOOLCRIB_INSTALL_STATE: state };
    expect(await stateIn({}, 'node_modules/demo', said)).toEqual({ state, reason: 'TOOLCRIB_INSTALL_STATE says so' });
  });

  test('is nothing when the variable is empty or not set', () => {
    expect(statedInstallation('')).toBeUndefined();
    expect(statedInstallation(undefined)).toBeUndefined();
  });

  test('is refused when there is no such state, naming those that there are', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (value) => {
        fc.pre(!['package', 'clean', 'edited'].includes(value));
        const failure = failureOf(() => statedInstallation(value));
        expect(failure).toMatchObject({ name: 'UsageError', code: 'USAGE' });
        expect(failure.message).toContain('expected package, clean, edited');
      }),
    );
  });
});

describe('a project that was installed', () => {
  test('is clean without git: nobody can tell otherwise', async () => {
    expect(await stateIn({})).toMatchObject({
      state: 'clean',
      reason: expect.stringMatching(/no git repository$/) as string,
    });
  });

  test('is clean when it is the tool that ships with toolcrib', async () => {
    const host = createHost({ cwd: '/', env: {} });
    expect(await readInstallation({ config: undefined, readPins: () => Promise.reject(new Error()) }, host)).toEqual({
      state: 'clean',
      reason: 'it is the tool that ships with toolcrib',
    });
  });

  test.each(['node_modules/demo', 'node_modules/@scope/demo/tool', 'lib/python3/site-packages/demo/tool'])(
    'is a package in %s',
    async (folder) => {
      expect(await stateIn({}, folder)).toMatchObject({ state: 'package' });
    },
  );

  test('is a package also in the work tree of who installed it', async () => {
    await using scratch = await scratchProject({
      ...Object.fromEntries(Object.entries(PROJECT).map(([name, text]) => [`node_modules/demo/${name}`, text])),
    });
    await mkdir(join(scratch.folder, '.git'));
    const host = createHost({ cwd: join(scratch.folder, 'node_modules/demo'), env: {} });
    expect(await readInstallation(await openProject(host), host)).toMatchObject({ state: 'package' });
  });

  test.each([
    ['node_modules/demo', 'node_modules/demo'],
    ['node_modules/@scope/demo/tool', 'node_modules/@scope/demo'],
    ['node_modules/a/node_modules/demo', 'node_modules/a/node_modules/demo'],
  ])('is clean when npm took it from a repository: %s', async (folder, key) => {
    const resolved = `git+https://secret@git.example/demo.git#${COMMIT}`;
    const lock = { 'node_modules/.package-lock.json': { packages: { [key]: { resolved } } } };
    expect(await stateIn(lock, folder)).toEqual({
      state: 'clean',
      reason: `it was installed from git+https://git.example/demo.git@${COMMIT}`,
    });
  });

  test('is clean when its manifest says the same', async () => {
    const manifest = {
      'node_modules/demo/package.json': { _resolved: `git+ssh://git@git.example/demo.git#${COMMIT}` },
    };
    expect(await stateIn(manifest, 'node_modules/demo')).toMatchObject({ state: 'clean' });
  });

  test('is a package when npm took it from a registry', async () => {
    const entry = { resolved: 'https://packages.example/demo-1.0.0.tgz' };
    const lock = { 'node_modules/.package-lock.json': { packages: { 'node_modules/demo': entry } } };
    expect(await stateIn(lock, 'node_modules/demo')).toMatchObject({ state: 'package' });
  });

  const direct = (url: string, info: object) => ({ url, ...info });
  const vcs = { vcs_info: { vcs: 'git', commit_id: COMMIT } };

  test('is clean when pip took it from a repository, by PEP 610', async () => {
    const files = {
      'site-packages/demo_tools-1.dist-info/direct_url.json': direct('https://user:pw@git.example/demo', vcs),
      'site-packages/demo_tools-1.dist-info/RECORD': 'demo/__init__.py,,\ndemo/tool/toolcrib.json,sha256=x,9\n',
    };
    expect(await stateIn(files, 'site-packages/demo/tool')).toEqual({
      state: 'clean',
      reason: `it was installed from https://git.example/demo@${COMMIT}`,
    });
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    [
      'another distribution came from a repository',
      { 'direct_url.json': direct('https://a', vcs), RECORD: 'other/a.py,,\n' },
    ],
    ['a wheel was given', { 'direct_url.json': direct('file:///a.whl', { archive_info: {} }), RECORD: 'demo/a,,\n' }],
    ['what pip wrote is no JSON', { 'direct_url.json': '{', RECORD: 'demo/toolcrib.json,,\n' }],
  ])('is a package when %s', async (_, written) => {
    const files = Object.entries(written).map(([name, text]): [string, unknown] => [
      `site-packages/demo-1.dist-info/${name}`,
      text,
    ]);
    expect(await stateIn(Object.fromEntries(files), 'site-packages/demo')).toMatchObject({ state: 'package' });
  });
});
