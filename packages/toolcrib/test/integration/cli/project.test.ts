import { execFile } from 'node:child_process';
import { appendFile, cp, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { elfFile } from '../../unit/build/elf-file.ts';
import { cliEnvironment, documentOf, TOOLCRIB, toolcrib, type CliEnd } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const BUILD = { driver: 'command', command: 'cp "program-$TOOLCRIB_VERSION" "$TOOLCRIB_OUTPUT"' };
const NAME = (version: number) => `demo-amd64-any-v${version}`;

/** A project whose build command hands out small static executables, other ones for each version. */
async function demoProject(): Promise<ScratchProject> {
  const config = { tool: 'demo', targets: ['amd64-any'], build: BUILD, stores: ['file:./store'] };
  const project = await scratchProject({ 'toolcrib.json': config, 'tool-version.txt': '1\n' });
  for (const version of [1, 2])
    await project.write(`program-${version}`, elfFile({ versions: [] }).fill(version, 0x1f00));
  return project;
}

let template: ScratchProject;
beforeAll(async () => {
  template = await demoProject();
  await succeed(template, ['build']);
  await succeed(template, ['publish']);
});
afterAll(() => template[Symbol.asyncDispose]());

/** A project whose first version is built and published. */
async function publishedProject(): Promise<ScratchProject> {
  const project = await scratchProject();
  await cp(template.folder, project.folder, { recursive: true });
  return project;
}

/** Runs a command line that has to succeed. */
async function succeed(project: ScratchProject, args: readonly string[], folder = ''): Promise<CliEnd> {
  const end = await toolcrib(args, { cwd: join(project.folder, folder) });
  expect(end, end.stderr).toMatchObject({ code: 0 });
  return end;
}

const sumsCheck = (store: string, version: number) =>
  promisify(execFile)('sha256sum', ['-c', `demo-v${version}.SHA256SUMS`], { cwd: store });

describe.concurrent('a tool of a project', () => {
  test('begins with init, whose project has a status: nothing is pinned yet', async () => {
    await using project = await scratchProject({ 'src/main.ts': '' });
    const init = await succeed(project, ['init', '--tool', 'demo']);
    expect(init).toMatchObject({ stderr: '', stdout: expect.stringContaining(`wrote ${project.folder}/`) as unknown });
    const status = documentOf(await succeed(project, ['status', '--json']));
    expect(status).toMatchObject({ tool: 'demo', version: 1, targets: [{ pin: null, tier: null }, { pin: null }] });
    expect((await toolcrib(['init'], { cwd: project.folder })).code).toBe(2);
  });

  test('has two published versions after two rounds, which anybody can check with sha256sum', async () => {
    await using project = await demoProject();
    const { folder } = project;
    for (const version of [1, 2]) {
      await project.write('tool-version.txt', `${version}\n`);
      const built = documentOf(await succeed(project, ['build', '--json']));
      expect(built).toMatchObject({
        artifacts: [{ name: NAME(version), path: `${folder}/binaries/${NAME(version)}` }],
      });
      const published = await succeed(project, ['publish']);
      expect(published.stdout).toContain(`demo v${version} is published`);
      expect(published.stdout).toContain(`${folder}/SHA256SUMS pins this release now. Commit it`);
      const resolved = await succeed(project, ['resolve', '--target', 'amd64-any']);
      expect(resolved.stdout).toBe(`${folder}/binaries/${NAME(version)}\n`);
    }
    for (const version of [1, 2]) {
      const { stdout } = await sumsCheck(join(folder, 'store'), version);
      expect(stdout).toBe(`${NAME(version)}: OK\n`);
    }
    expect(await readFile(join(folder, 'SHA256SUMS'), 'utf8')).toBe(
      await readFile(join(folder, 'store', 'demo-v2.SHA256SUMS'), 'utf8'),
    );
    expect((await succeed(project, ['status'])).stdout).toContain('published: v1, v2');
  });

  test('is found bundled, in the store, then in the cache, and --explain tells each place', async () => {
    await using project = await publishedProject();
    const tier = async (...options: string[]) => {
      const found = documentOf(await succeed(project, ['resolve', '--json', ...options]));
      return typeof found === 'object' && found !== null && 'tier' in found ? found.tier : undefined;
    };
    expect(await tier()).toBe('bundled');
    await promisify(execFile)('rm', ['-r', join(project.folder, 'binaries')]);
    expect((await toolcrib(['resolve', '--offline'], { cwd: project.folder })).code).toBe(7);
    expect(await tier()).toBe('store');
    expect(await tier('--offline')).toBe('cache');
    const { stdout } = await succeed(project, ['resolve', '--explain']);
    expect(stdout).toMatch(/1\. bundled: missing \(\d+ ms\)\n[^]*2\. cache: found \(\d+ ms\)\n/);
    expect((await succeed(project, ['cache', 'verify'])).stdout).toContain('is what its name says');
    expect((await succeed(project, ['cache', 'ls'])).stdout).toContain('1 artifact, ');
  });

  test('is found without the network code of Node, also where stderr is a pipe', async () => {
    await using project = await publishedProject();
    const { folder } = project;
    const tell = "writeFileSync('loaded.json', JSON.stringify(process.moduleLoadList))";
    await project.write('probe.cjs', `process.on('exit', () => require('node:fs').${tell});`);
    const toFile = ['-c', '"$@" > path.txt', 'sh', ...TOOLCRIB, 'resolve', '--target', 'amd64-any'];
    const env = cliEnvironment(folder, { NODE_OPTIONS: '--require ./probe.cjs' });
    await promisify(execFile)('sh', toFile, { cwd: folder, env });
    expect(await readFile(join(folder, 'path.txt'), 'utf8')).toBe(`${folder}/binaries/${NAME(1)}\n`);
    const loaded = JSON.parse(await readFile(join(folder, 'loaded.json'), 'utf8')) as unknown;
    expect(loaded).toContain('NativeModule crypto');
    expect(loaded).not.toContain('NativeModule net');
  });

  test('is published to folders meant from where the command was typed', async () => {
    await using project = await demoProject();
    await project.write('a/b/x', '');
    await succeed(project, ['build'], 'a/b');
    await succeed(project, ['publish', '--to', 'file:../there'], 'a/b');
    expect(await readdir(join(project.folder, 'a/there'))).toContain('demo-v1.json');
    expect(await readdir(project.folder)).not.toContain('store');
  });

  test('shows with --dry-run what publishing would do, and writes nothing', async () => {
    await using project = await demoProject();
    await succeed(project, ['build']);
    const before = await readdir(project.folder);
    const { stdout } = await succeed(project, ['publish', '--dry-run']);
    expect(stdout).toContain('demo v1 would be published');
    expect(stdout).toContain('Nothing was written');
    expect(await readdir(project.folder)).toEqual(before);
  });

  test('is published once: again with the same bytes is fine, with others exits with 6 and names the next version', async () => {
    await using project = await publishedProject();
    expect((await succeed(project, ['publish'])).stdout).toContain('was published before, with the same bytes');
    await project.write('program-1', elfFile({}));
    await succeed(project, ['build']);
    const end = await toolcrib(['publish', '--json'], { cwd: project.folder });
    expect(end.code).toBe(6);
    const hint: unknown = expect.stringContaining('bump the version file to 2');
    expect(documentOf(end)).toMatchObject({ error: { code: 'VERSION_TAKEN', hint } });
  });

  test('is verified by build --verify against its pins: other bytes exit with 4', async () => {
    await using project = await publishedProject();
    await succeed(project, ['build', '--verify']);
    await project.write('program-1', elfFile({}));
    const end = await toolcrib(['build', '--verify', '--json'], { cwd: project.folder });
    expect(end.code).toBe(4);
    expect(documentOf(end)).toMatchObject({ error: { code: 'DIGEST_MISMATCH' } });
  });

  test('whose build command fails exits with 9 and shows the end of its output', async () => {
    await using project = await demoProject();
    const build = { driver: 'command', command: 'echo it broke >&2; exit 3' };
    await project.write('toolcrib.json', JSON.stringify({ tool: 'demo', targets: ['amd64-any'], build }));
    const end = await toolcrib(['build'], { cwd: project.folder });
    expect(end.code).toBe(9);
    expect(end.stderr).toContain('exited with 3; the end of its output:\n    it broke\n');
    expect(await readdir(join(project.folder, 'binaries')).catch(() => [])).toEqual([]);
  });

  test('that was not built cannot be published: exit 3, naming the file and the command', async () => {
    await using project = await demoProject();
    const end = await toolcrib(['publish'], { cwd: project.folder });
    expect(end.code).toBe(3);
    expect(end.stderr).toContain(`${project.folder}/binaries/${NAME(1)}`);
    expect(end.stderr).toContain('"toolcrib build" makes it');
  });
});

describe.concurrent('with --quiet', () => {
  test('building, publishing, fetching and checking say nothing, resolve says its path, and a failed check why', async () => {
    await using project = await demoProject();
    for (const args of [['build'], ['publish'], ['publish', '--dry-run'], ['fetch', '--all']]) {
      expect(await succeed(project, [...args, '--quiet']), args.join(' ')).toMatchObject({ stdout: '', stderr: '' });
    }
    const resolved = await succeed(project, ['--quiet', 'resolve', '--target', 'amd64-any']);
    expect(resolved.stdout).toBe(`${project.folder}/binaries/${NAME(1)}\n`);
    await project.write('tool-version.txt', '2\n');
    await project.write('store/demo-v2.SHA256SUMS', `${'a'.repeat(64)}  ${NAME(2)}\n`);
    await succeed(project, ['--quiet', 'build']);
    const refused = await toolcrib(['--quiet', 'publish'], { cwd: project.folder });
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('toolcrib: ');
  });
});

describe.concurrent('pins', () => {
  test('of the version before exit with 2 and say what makes those of this one', async () => {
    await using project = await publishedProject();
    await project.write('tool-version.txt', '2\n');
    const end = await toolcrib(['resolve'], { cwd: project.folder });
    expect(end.code).toBe(2);
    const { folder } = project;
    expect(end.stderr).toContain(
      `demo v2 is not pinned yet: ${folder}/SHA256SUMS is of v1, ${folder}/tool-version.txt says 2`,
    );
    expect(end.stderr).toContain('"toolcrib build" and "toolcrib publish" make v2 and its sums');
  });

  test('of the version before are no reason for status to tell nothing', async () => {
    await using project = await publishedProject();
    await project.write('tool-version.txt', '2\n');
    await project.write('store/demo-v2.SHA256SUMS', `${'a'.repeat(64)}  ${NAME(2)}\n`);
    const told = await succeed(project, ['status']);
    expect(told.stdout).toContain('v2 is not pinned yet; the sums are of v1\n');
    expect(told.stdout).toMatch(/file:.*store: published: v1\n {2}v2 was claimed and never completed/);
    const document = documentOf(await succeed(project, ['status', '--json']));
    expect(document).toMatchObject({ version: 2, sumsVersion: 1, targets: [{ pin: null }] });
  });

  test('of two versions are pins of neither: status ends with exit 2, too', async () => {
    await using project = await publishedProject();
    await appendFile(join(project.folder, 'SHA256SUMS'), `${'a'.repeat(64)}  ${NAME(2)}\n`);
    const end = await toolcrib(['status'], { cwd: project.folder });
    expect(end).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('does not belong to demo version 1') as unknown,
    });
  });

  test('refuse a bundled file with other bytes: exit 4 with expected and actual, nothing in the cache', async () => {
    await using project = await publishedProject();
    await appendFile(join(project.folder, 'binaries', NAME(1)), 'x');
    const end = await toolcrib(['resolve', '--json'], { cwd: project.folder });
    expect(end.code).toBe(4);
    const digest: unknown = expect.stringMatching(/^sha256:[0-9a-f]{64}$/);
    const details = { path: `${project.folder}/binaries/${NAME(1)}`, expected: digest, actual: digest };
    expect(documentOf(end)).toMatchObject({ error: { code: 'DIGEST_MISMATCH', details } });
    expect(await readdir(project.folder)).not.toContain('cache');
  });

  test('of a version that nobody has exit with 3, and --explain tells every place', async () => {
    await using project = await demoProject();
    await project.write('SHA256SUMS', `${'a'.repeat(64)}  ${NAME(1)}\n`);
    const end = await toolcrib(['resolve', '--explain'], { cwd: project.folder });
    expect(end).toMatchObject({ code: 3, stdout: '' });
    const lines = ['bundled', 'cache', 'store'].map(
      (tier, index) => `${index + 1}\\. ${tier}: missing \\(\\d+ ms\\)\\n {4}`,
    );
    expect(end.stderr).toMatch(new RegExp(lines.join('[^]*')));
  });

  test('of which a store has other bytes exit with 4, and --explain tells that place as well', async () => {
    await using project = await demoProject();
    await project.write('SHA256SUMS', `${'a'.repeat(64)}  ${NAME(1)}\n`);
    await project.write(`store/${NAME(1)}`, 'something else');
    const end = await toolcrib(['resolve', '--explain'], { cwd: project.folder });
    expect(end).toMatchObject({ code: 4, stdout: '' });
    expect(end.stderr).toMatch(/2\. cache: missing [^]*3\. store: refused \(14 B, \d+ ms\)\n {4}file:/);
    const { error } = documentOf(await toolcrib(['resolve', '--json'], { cwd: project.folder })) as {
      error: { details: { trail: unknown } };
    };
    expect(error.details.trail).toMatchObject([{}, {}, { tier: 'store', outcome: 'refused', size: 14 }]);
  });
});
