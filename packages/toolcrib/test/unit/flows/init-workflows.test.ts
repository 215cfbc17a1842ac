import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
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

async function init(cwd: string) {
  const host = createHost({ env: {}, cwd, cacheDirectory: join(cwd, 'cache') });
  return await initWorkflows(await openProject(host), host, '1.2.3');
}

const workflow = (folder: string, name = NAMES[0] ?? ''): Promise<string> =>
  readFile(join(folder, '.github/workflows', name), 'utf8');

describe('init --github', () => {
  test('writes both workflows at the top of the repository, and a second time finds them there', async () => {
    const folder = await repository();
    const paths = NAMES.map((name) => join(folder, '.github/workflows', name));
    expect(await init(folder)).toEqual({ written: paths, unchanged: [] });
    expect(await init(folder)).toEqual({ written: [], unchanged: paths });
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
