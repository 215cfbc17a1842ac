import { chmod, readdir, readFile, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../../../src/config/read-config.ts';
import { readPins } from '../../../src/config/read-pins.ts';
import { silentReporter, type Notice, type Reporter } from '../../../src/core/reporter.ts';
import { initProject } from '../../../src/flows/init-project.ts';
import { projectFolder } from '../config/project-folder.ts';
import { failureOfAsync } from '../core/failure.ts';
import { NO_FILE } from '../disk/no-file.ts';

const init = (folder: string, tool?: string) =>
  initProject({ folder, reporter: silentReporter, ...(tool !== undefined && { tool }) });
const read = (folder: string, path: string) => readFile(join(folder, path), 'utf8');
const configOf = (folder: string) => readConfig(join(folder, 'toolcrib.json'));

describe('a new project', () => {
  test('has a configuration, version 1, and an ignored folder for binaries', async () => {
    const folder = await projectFolder();
    const written = await init(folder, 'my-tool');
    expect(written).toEqual(['tool-version.txt', '.gitignore', 'toolcrib.json'].map((path) => join(folder, path)));
    expect(await read(folder, 'tool-version.txt')).toBe('1\n');
    expect(await read(folder, '.gitignore')).toBe('/binaries/\n');
    expect((await readdir(folder)).sort()).toEqual(['.gitignore', 'tool-version.txt', 'toolcrib.json']);
  });

  test('is understood by toolcrib as it stands', async () => {
    const folder = await projectFolder();
    await init(folder, 'my-tool');
    const config = await configOf(folder);
    expect(config).toMatchObject({
      tool: 'my-tool',
      targets: [
        { arch: 'amd64', libc: 'any' },
        { arch: 'arm64', libc: 'any' },
      ],
      stores: [],
    });
    expect(await readPins(config)).toMatchObject({ tool: 'my-tool', version: 1 });
  });

  test('is described to editors', async () => {
    const folder = await projectFolder();
    await init(folder, 'my-tool');
    expect(JSON.parse(await read(folder, 'toolcrib.json'))).toMatchObject({
      $schema: './node_modules/toolcrib/toolcrib.schema.json',
    });
  });

  test.each([
    ['{"name": "my-tool"}', 'my-tool'],
    ['{"name": "@scope/My_Tool.js"}', 'my-tool-js'],
    ['{}', 'folder-name'],
    ['{"name": 1}', 'folder-name'],
    ['{"name": "___"}', 'folder-name'],
    ['not JSON', 'folder-name'],
  ])('with the package.json %s is called %s', async (manifest, tool) => {
    const folder = join(await projectFolder({ 'Folder Name/package.json': manifest }), 'Folder Name');
    await init(folder);
    expect((await configOf(folder)).tool).toBe(tool);
  });

  test('is called as the caller says, whatever the package is called', async () => {
    const folder = await projectFolder({ 'package.json': '{"name": "package"}' });
    await init(folder, 'my-tool');
    expect((await configOf(folder)).tool).toBe('my-tool');
  });

  test.each(['', 'My Tool', '../x', 'a--b'])('is never called %j: nothing is written', async (tool) => {
    const folder = await projectFolder();
    const error = await failureOfAsync(() => init(folder, tool));
    expect(error.code).toBe('USAGE');
    expect(error.hint).toContain('lower-case words');
    expect(await readdir(folder)).toEqual([]);
  });

  test('needs a name from somewhere', async () => {
    const folder = join(await projectFolder({ '_/x': '' }), '_');
    const error = await failureOfAsync(() => init(folder));
    expect(error.code).toBe('USAGE');
    expect(error.hint).toContain('--tool');
  });

  test.each([
    [['src/main.ts'], { driver: 'bun', entry: 'src/main.ts' }],
    [['src/index.ts', 'src/cli.ts'], { driver: 'bun', entry: 'src/cli.ts' }],
    [['index.ts', 'go.mod'], { driver: 'bun', entry: 'index.ts' }],
  ])('with %j is built by bun from its entry', async (files, build) => {
    const folder = await projectFolder(Object.fromEntries(files.map((path) => [path, ''])));
    await init(folder, 'my-tool');
    expect(JSON.parse(await read(folder, 'toolcrib.json'))).toMatchObject({ build });
  });

  test('of Go is built by a command of Go', async () => {
    const folder = await projectFolder({ 'go.mod': 'module x\n' });
    await init(folder, 'my-tool');
    const { build } = await configOf(folder);
    expect(build).toMatchObject({ driver: 'command' });
    expect(JSON.stringify(build)).toMatch(/GOARCH=.*TOOLCRIB_ARCH.*go build.*TOOLCRIB_OUTPUT/);
  });

  test('of anything else gets an example of a command, and is told to replace it', async () => {
    const folder = await projectFolder({ 'src/main.rs': '' });
    const notices: Notice[] = [];
    const reporter: Reporter = { ...silentReporter, notice: (notice) => notices.push(notice) };
    await initProject({ folder, tool: 'my-tool', reporter });
    expect((await configOf(folder)).build).toMatchObject({ driver: 'command' });
    expect(notices.map(({ kind }) => kind)).toEqual(['warning']);
    expect(JSON.stringify(notices)).toContain('TOOLCRIB_OUTPUT');
    expect(JSON.stringify(notices), 'what was looked for').toContain('src/main.ts');
  });
});

describe('init', () => {
  test.each([
    ['toolcrib.json', '{"mine": true}'],
    ['tool-version.txt', '7\n'],
  ])('never overwrites %s: it names the file and writes nothing', async (name, text) => {
    const folder = await projectFolder({ [name]: text });
    const error = await failureOfAsync(() => init(folder, 'my-tool'));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain(join(folder, name));
    expect(await readdir(folder)).toEqual([name]);
    expect(await read(folder, name)).toBe(text);
  });

  test('refuses a second time', async () => {
    const folder = await projectFolder();
    await init(folder, 'my-tool');
    const before = await read(folder, 'toolcrib.json');
    expect((await failureOfAsync(() => init(folder, 'other'))).message).toContain('toolcrib.json is there already');
    expect(await read(folder, 'toolcrib.json')).toBe(before);
  });

  test('finishes what an interrupted one began', async () => {
    const folder = await projectFolder({ 'tool-version.txt': '1\n', '.gitignore': '/binaries/\n' });
    expect(await init(folder, 'my-tool')).toEqual([join(folder, 'toolcrib.json')]);
  });

  test('of two at the same time lets exactly one win', async () => {
    const folder = await projectFolder();
    const results = await Promise.allSettled([init(folder, 'one'), init(folder, 'two')]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await read(folder, 'tool-version.txt')).toBe('1\n');
    expect(['one', 'two']).toContain((await configOf(folder)).tool);
  });

  test.each([
    ['node_modules/\n', 'node_modules/\n/binaries/\n'],
    ['node_modules/', 'node_modules/\n/binaries/\n'],
    ['binaries/\n', 'binaries/\n'],
    ['x\r\n/binaries\r\n', 'x\r\n/binaries\r\n'],
  ])('adds its line to the .gitignore %j unless it is there', async (before, after) => {
    const folder = await projectFolder({ '.gitignore': before });
    const written = await init(folder, 'my-tool');
    expect(await read(folder, '.gitignore')).toBe(after);
    expect(written.includes(join(folder, '.gitignore'))).toBe(before !== after);
  });

  test('leaves the rights of a .gitignore, and a link, as they are', async () => {
    const folder = await projectFolder({ shared: 'x\n' });
    await chmod(join(folder, 'shared'), 0o640);
    await symlink('shared', join(folder, '.gitignore'));
    await init(folder, 'my-tool');
    expect(await read(folder, 'shared')).toBe('x\n/binaries/\n');
    expect((await stat(join(folder, 'shared'))).mode & 0o777).toBe(0o640);
  });

  test('says which folder it could not write to', async () => {
    const folder = join(await projectFolder(), 'missing');
    const error = await failureOfAsync(() => init(folder, 'my-tool'));
    expect(error.code).toBe('STORAGE');
    expect(error.message).toContain(folder);
  });

  describe.each(['package.json', '.gitignore', 'toolcrib.json'])('does not wait for a %s', (name) => {
    test.each(NO_FILE)('that is %s', async (_, put) => {
      const folder = await projectFolder();
      await put(join(folder, name));
      const error = await failureOfAsync(() => init(folder));
      expect(error.message).toContain(join(folder, name));
      expect(error.hint).toBeDefined();
    });
  });

  test('stops when it is told to, before it has written anything', async () => {
    const folder = await projectFolder();
    const reason = new Error('stop');
    const stopped = initProject({ folder, tool: 'x', reporter: silentReporter, signal: AbortSignal.abort(reason) });
    await expect(stopped).rejects.toBe(reason);
    expect(await readdir(folder)).toEqual([]);
  });
});
