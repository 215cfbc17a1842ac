import { execFile } from 'node:child_process';
import { appendFile, mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { silentReporter, type Reporter } from '../../../src/core/reporter.ts';
import { createHost } from '../../../src/flows/host.ts';
import { initWorkflows } from '../../../src/flows/init-workflows.ts';
import { openProject } from '../../../src/flows/project.ts';
import { projectFolder } from '../config/project-folder.ts';
import { failureOfAsync } from '../core/failure.ts';

const CONFIG = { tool: 'demo', targets: ['amd64-any', 'arm64-any'] };
const NAMES = ['build-tool-support.yml', 'promote-tool-support.yml'];

/** A repository with these files; the project is in `at`. */
async function repository(files: Readonly<Record<string, unknown>> = {}, at = ''): Promise<string> {
  const given = { [join(at, 'toolcrib.json')]: CONFIG, ...files };
  const texts = Object.entries(given).map(([path, value]): [string, string] => [
    path,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  const folder = await projectFolder(Object.fromEntries(texts));
  await mkdir(join(folder, '.git'));
  return folder;
}

async function init(cwd: string, version = '1.2.3') {
  const host = createHost({ env: {}, cwd, cacheDirectory: join(cwd, 'cache') });
  return await initWorkflows(await openProject(host), host, version);
}

/** What is warned of. */
async function warningsOf(cwd: string): Promise<string> {
  const texts: string[] = [];
  const reporter: Reporter = {
    ...silentReporter,
    notice: (notice) => {
      if (notice.kind === 'warning') texts.push(notice.text);
    },
  };
  const host = createHost({ env: {}, cwd, cacheDirectory: join(cwd, 'cache'), reporter });
  await initWorkflows(await openProject(host), host, '1.2.3');
  return texts.join('\n');
}

const LOCK = { packages: { 'node_modules/toolcrib': { version: '9.9.9' } } };

const workflow = (folder: string, name = NAMES[0] ?? ''): Promise<string> =>
  readFile(join(folder, '.github/workflows', name), 'utf8');

describe('init --github', () => {
  test('writes both workflows at the top of the repository, and a second time finds them there', async () => {
    const folder = await repository();
    const paths = NAMES.map((name) => join(folder, '.github/workflows', name));
    expect(await init(folder)).toEqual({ written: paths, unchanged: [], secrets: [] });
    expect(await init(folder)).toEqual({ written: [], unchanged: paths, secrets: [] });
  });

  test('leaves a workflow that somebody else wrote as it is, and then writes nothing', async () => {
    const folder = await repository({ [`.github/workflows/${NAMES[1] ?? ''}`]: 'mine\n' });
    const error = await failureOfAsync(() => init(folder));
    expect({ code: error.code, path: error.details['path'] }).toEqual({
      code: 'USAGE',
      path: join(folder, '.github/workflows', NAMES[1] ?? ''),
    });
    expect(await readdir(join(folder, '.github/workflows'))).toEqual([NAMES[1]]);
    expect(await workflow(folder, NAMES[1])).toBe('mine\n');
  });

  test('completes what an interrupted call began', async () => {
    const folder = await repository();
    await init(folder);
    const lost = join(folder, '.github/workflows', NAMES[1] ?? '');
    await unlink(lost);
    expect((await init(folder)).written).toEqual([lost]);
  });

  test('uses the toolcrib of the lock file, from the folder of that file', async () => {
    const lock = { packages: { 'node_modules/toolcrib': { version: '9.9.9' } } };
    const folder = await repository({ 'package-lock.json': lock }, 'packages/x');
    await init(join(folder, 'packages/x'));
    const text = await workflow(folder);
    expect(text).toContain('run: npx --no -- toolcrib --config "$CONFIG" check --json\n');
    expect(text).toContain('CONFIG: "packages/x/toolcrib.json"');
    expect(text).toContain('path: "packages/x/binaries/demo-${{ matrix.target }}');
    expect(text).not.toContain('  run:\n    shell: bash\n    working-directory');
  });

  test('uses exactly its own version where no lock file names one, and installs for the build only', async () => {
    const folder = await repository({ 'x/package-lock.json': { packages: {} } }, 'x');
    await init(join(folder, 'x'));
    const text = await workflow(folder);
    expect(text).toContain('run: npx --yes -- toolcrib@1.2.3 --config "$CONFIG" check --json\n');
    expect(text.match(/npm ci/g)).toHaveLength(1);
    expect(text).toContain('working-directory: "x"');
    expect(text).toContain('CONFIG: "toolcrib.json"');
  });

  test('installs nothing where there is no lock file', async () => {
    const folder = await repository();
    await init(folder);
    expect(await workflow(folder)).not.toContain('npm ci');
  });

  test('refuses to have jobs run a version that nobody published, unless the lock file has toolcrib', async () => {
    const folder = await repository();
    const error = await failureOfAsync(() => init(folder, '0.0.0'));
    expect({ code: error.code, message: error.message }).toEqual({
      code: 'USAGE',
      message: expect.stringContaining('nobody published version 0.0.0') as unknown,
    });
    expect(await readdir(folder)).not.toContain('.github');
    expect((await init(await repository({ 'package-lock.json': LOCK }), '0.0.0')).written).toHaveLength(2);
  });

  test.each([
    ['no store', {}, 'there is no store'],
    [
      'a store in a folder',
      { stores: ['s3://bucket', 'file:../store'] },
      'file:../store is on a machine that GitHub throws',
    ],
    ['stores of GitHub without a remote', { stores: ['github:o/r'] }, 'no remote "origin" on GitHub'],
    [
      'a policy that its signature cannot satisfy',
      { stores: ['s3://bucket'], attestation: { require: true, publicKeys: ['key.pub'] } },
      'believes no identity',
    ],
  ])('warns of %s, and of nothing else', async (_, config, words) => {
    const folder = await repository({ 'toolcrib.json': { ...CONFIG, ...config }, 'package-lock.json': LOCK });
    const warnings = await warningsOf(folder);
    expect(warnings).toContain(words);
    expect(warnings.split('\n')).toHaveLength(1);
  });

  test('warns of a toolcrib that no lock file pins, and of nothing where all is well', async () => {
    const stores = { 'toolcrib.json': { ...CONFIG, stores: ['s3://bucket'] } };
    expect(await warningsOf(await repository(stores))).toContain('what npm calls toolcrib@1.2.3');
    expect(await warningsOf(await repository({ ...stores, 'package-lock.json': LOCK }))).toBe('');
  });

  test('gives a job the right to write the releases of its own repository, and names the secret for another', async () => {
    const config = { 'package-lock.json': LOCK, 'toolcrib.json': { ...CONFIG, stores: ['github:Octo/Tool'] } };
    const remote = (name: string) => `[remote "origin"]\n\turl = git@github.com:${name}.git\n`;
    const git = async (name: string): Promise<string> => {
      const folder = await repository(config);
      await promisify(execFile)('git', ['init', '--quiet', folder]);
      await appendFile(join(folder, '.git', 'config'), remote(name));
      return folder;
    };
    const own = await git('octo/tool');
    expect((await init(own)).secrets).toEqual([]);
    expect(await workflow(own, NAMES[1])).toContain('contents: write # the release');
    const other = await git('octo/other');
    expect((await init(other)).secrets).toEqual(['TOOLCRIB_GITHUB_TOKEN']);
    expect(await workflow(other, NAMES[1])).not.toContain('contents: write');
  });

  test.each([
    ['a lock file that is no JSON', { 'package-lock.json': 'x' }, 'is not JSON'],
    ['binaries outside of the repository', { 'toolcrib.json': { ...CONFIG, binaries: '../b' } }, 'is not inside'],
  ])('refuses %s', async (_, files, words) => {
    const folder = await repository(files);
    expect((await failureOfAsync(() => init(folder))).message).toContain(words);
  });

  test('refuses a folder that is in no repository, and one that is no project', async () => {
    const outside = await projectFolder({ 'toolcrib.json': JSON.stringify(CONFIG) });
    expect((await failureOfAsync(() => init(outside))).message).toContain('is in no git repository');
    const empty = await projectFolder({});
    expect((await failureOfAsync(() => init(empty))).message).toContain('needs a toolcrib.json');
  });
});
