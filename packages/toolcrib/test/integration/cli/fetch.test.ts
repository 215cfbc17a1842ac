import { createHash, randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const ELF = elfFile({ versions: [] });
const TREE = randomBytes(3000);
const NAMES = ['demo-amd64-any-v1', 'demo-arm64-any-v1'] as const;

const sumOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** A project that pins two artifacts, of which its store has these. */
async function pinnedProject(stored: Readonly<Record<string, Uint8Array>>): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any', 'arm64-any'], stores: ['file:./store'] },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${sumOf(ELF)}  ${NAMES[0]}\n${sumOf(TREE)}  ${NAMES[1]}\n`,
  });
  for (const [name, bytes] of Object.entries(stored)) await project.write(join('store', name), bytes);
  return project;
}

const whole = { [NAMES[0]]: ELF, [NAMES[1]]: TREE };
const binariesOf = (project: ScratchProject) => readdir(join(project.folder, 'binaries')).catch(() => []);

describe.concurrent('fetch', () => {
  test('brings every target into the binaries folder, executables as such, and a second time finds them there', async () => {
    await using project = await pinnedProject(whole);
    const first = documentOf(await toolcrib(['fetch', '--all', '--json'], { cwd: project.folder }));
    expect(first).toMatchObject({ version: 1, artifacts: [{ tier: 'store' }, { tier: 'store' }] });
    expect(await binariesOf(project)).toEqual([...NAMES]);
    expect(await readFile(join(project.folder, 'binaries', NAMES[1]))).toEqual(TREE);
    expect((await stat(join(project.folder, 'binaries', NAMES[0]))).mode & 0o777).toBe(0o755);
    expect((await stat(join(project.folder, 'binaries', NAMES[1]))).mode & 0o777).toBe(0o644);
    const again = await toolcrib(['fetch', '--all'], { cwd: project.folder });
    expect(again.stdout).toContain('was there');
    expect(again.stdout).toContain('holds demo v1, verified against its pins');
  });

  test('brings one target when only that is asked for', async () => {
    await using project = await pinnedProject(whole);
    expect((await toolcrib(['fetch', '--target', 'arm64-any'], { cwd: project.folder })).code).toBe(0);
    expect(await binariesOf(project)).toEqual([NAMES[1]]);
  });

  test('brings nothing when one of all is missing, or has other bytes', async () => {
    await using lacking = await pinnedProject({ [NAMES[0]]: ELF });
    expect((await toolcrib(['fetch', '--all'], { cwd: lacking.folder })).code).toBe(3);
    expect(await binariesOf(lacking)).toEqual([]);
    await using wrong = await pinnedProject({ [NAMES[0]]: ELF, [NAMES[1]]: randomBytes(3000) });
    expect((await toolcrib(['fetch', '--all'], { cwd: wrong.folder })).code).toBe(4);
    expect(await binariesOf(wrong)).toEqual([]);
  });

  test('leaves a file of the folder that is not what is pinned, and says so', async () => {
    await using project = await pinnedProject(whole);
    await project.write(join('binaries', NAMES[1]), 'other');
    const end = await toolcrib(['fetch', '--all'], { cwd: project.folder });
    expect(end.code).toBe(4);
    expect(end.stderr).toContain('remove the file');
    expect(await binariesOf(project)).toEqual([NAMES[1]]);
  });

  test('works from the cache when offline', async () => {
    await using project = await pinnedProject(whole);
    await toolcrib(['resolve', '--target', 'amd64-any'], { cwd: project.folder });
    const end = await toolcrib(['--offline', 'fetch', '--target', 'amd64-any'], { cwd: project.folder });
    expect(end.code).toBe(0);
    expect((await toolcrib(['--offline', 'fetch', '--all'], { cwd: project.folder })).code).toBe(7);
    expect(await binariesOf(project)).toEqual([NAMES[0]]);
  });

  test('wants to know what to fetch, and refuses a target that the project has not', async () => {
    await using project = await pinnedProject(whole);
    expect((await toolcrib(['fetch'], { cwd: project.folder })).code).toBe(2);
    expect((await toolcrib(['fetch', '--all', '--target', 'amd64'], { cwd: project.folder })).code).toBe(2);
    const foreign = await toolcrib(['fetch', '--target', 'amd64-musl'], { cwd: project.folder });
    expect(foreign).toMatchObject({ code: 2, stderr: expect.stringContaining('amd64-any, arm64-any') as unknown });
  });

  test('exits with 7 where the folder cannot be made', async () => {
    await using project = await pinnedProject(whole);
    await writeFile(join(project.folder, 'binaries'), 'a file');
    await chmod(join(project.folder, 'binaries'), 0o600);
    expect((await toolcrib(['fetch', '--all'], { cwd: project.folder })).code).toBe(7);
  });
});
