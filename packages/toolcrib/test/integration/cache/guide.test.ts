import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { cliEnvironment, documentOf, TOOLCRIB, toolcrib } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { REPOSITORY } from '../build/samples.ts';
import { blocksOf, testedBlock } from '../docs/markdown.ts';

const guide = await readFile(join(REPOSITORY, 'docs/guides/cache.md'), 'utf8');
const DAY_MS = 24 * 3600 * 1000;

/** A project whose cache has artifacts of 1000 and 3000 bytes, the second not used for 20 days. */
async function usedCache(cache: object = {}): Promise<ScratchProject> {
  const project = await scratchProject({ 'toolcrib.json': { tool: 'tool', targets: ['amd64-any'], cache } });
  const blobs = join(project.folder, 'cache/v1/blobs/sha256');
  await mkdir(blobs, { recursive: true });
  for (const size of [1000, 3000]) {
    const bytes = Buffer.alloc(size, 1);
    await writeFile(join(blobs, digestHex(digestOf(bytes))), bytes);
  }
  const then = (Date.now() - 20 * DAY_MS) / 1000;
  await utimes(join(blobs, digestHex(digestOf(Buffer.alloc(3000, 1)))), then, then);
  return project;
}

/** Does what a block says. */
async function follow(reader: ScratchProject, name: string): Promise<string> {
  const { folder } = reader;
  await reader.write('bin/toolcrib', `#!/bin/sh\nexec ${TOOLCRIB.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(join(folder, 'bin/toolcrib'), 0o755);
  const env = { ...cliEnvironment(folder), PATH: `${folder}/bin:${process.env['PATH'] ?? ''}` };
  return (await promisify(execFile)('/bin/sh', ['-e', '-c', testedBlock(guide, name)], { cwd: folder, env })).stdout;
}

const left = async ({ folder }: ScratchProject) => (await readdir(join(folder, 'cache/v1/blobs/sha256'))).length;

describe('the guide to the cache', () => {
  test('shows what is there', async () => {
    await using project = await usedCache();
    const said = await follow(project, 'look');
    expect(said).toContain('2 artifacts, 0 unpacked forms, attestations of 0 artifacts, 0 placements: 4.0 kB in ');
    expect(said).toContain('is what its name says');
  });

  test('collects within limits that nothing here exceeds', async () => {
    await using project = await usedCache();
    expect(await follow(project, 'collect')).toMatch(
      /0 B would be removed; 4\.0 kB would stay.*\n0 B removed; 4\.0 kB/,
    );
  });

  test('has no shell block that this test does not run', () => {
    const names = blocksOf(guide).flatMap(({ language, test: name }) => (language === 'sh' ? [name] : []));
    expect(names).toEqual(['look', 'collect']);
  });
});

describe('the limits of a collection', () => {
  const gc = async (
    project: ScratchProject,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<unknown> => {
    const end = await toolcrib(['--json', 'cache', 'gc', ...args], { cwd: project.folder, env });
    expect(end).toMatchObject({ code: 0 });
    return documentOf(end);
  };

  test('come from the command line, else the environment, else the project, each on its own', async () => {
    await using project = await usedCache({ maxBytes: '1 MB', maxAgeDays: 50 });
    expect(await gc(project)).toMatchObject({ limits: { maxBytes: 1_000_000, maxAgeDays: 50 }, removed: [] });
    const env = { TOOLCRIB_CACHE_MAX_BYTES: '2000', TOOLCRIB_CACHE_MAX_AGE: '' };
    const rehearsed = await gc(project, ['--dry-run'], env);
    expect(rehearsed).toMatchObject({ limits: { maxBytes: 2000, maxAgeDays: 50 }, bytesAfter: 1000, dryRun: true });
    expect(await left(project)).toBe(2);
    const options = ['--max-age', '19.5', '--max-bytes', '5kB'];
    expect(await gc(project, options, env)).toMatchObject({
      limits: { maxBytes: 5000, maxAgeDays: 19.5 },
      removed: [{ kind: 'artifact', size: 3000, reason: 'age' }],
      bytesBefore: 4000,
      bytesAfter: 1000,
    });
    expect(await left(project)).toBe(1);
  });

  test('are told when there are none, and when they cannot be kept', async () => {
    await using project = await usedCache();
    const none = await toolcrib(['cache', 'gc'], { cwd: project.folder });
    expect(none).toMatchObject({ code: 0, stdout: expect.stringContaining('no limit was given') as string });
    const over = await toolcrib(['cache', 'gc', '--max-bytes', '0'], { cwd: project.folder });
    expect(over.code).toBe(0);
    expect(over.stdout).toContain('3.0 kB removed; 1.0 kB stay in ');
    expect(over.stdout).toContain('1.0 kB above the limit: all of it is in use, or was used within the last hour');
  });

  test('need no configuration that can be read when both are given', async () => {
    await using project = await usedCache();
    await project.write('toolcrib.json', '{');
    expect(await toolcrib(['cache', 'gc'], { cwd: project.folder })).toMatchObject({ code: 2 });
    await gc(project, ['--max-bytes', '0', '--max-age', '0']);
    expect(await left(project)).toBe(1);
  });

  test.each([
    [['--max-bytes', '5 gb'], {}, '--max-bytes takes'],
    [['--max-age', '-1'], {}, '--max-age takes'],
    [[], { TOOLCRIB_CACHE_MAX_BYTES: 'lots' }, 'TOOLCRIB_CACHE_MAX_BYTES takes'],
    [[], { TOOLCRIB_CACHE_MAX_AGE: '1w' }, 'TOOLCRIB_CACHE_MAX_AGE takes'],
  ])('that are none end with exit 2 and remove nothing: %j %j', async (args, env, words) => {
    await using project = await usedCache();
    const end = await toolcrib(['cache', 'gc', ...args], { cwd: project.folder, env });
    expect(end).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(words) as string });
    expect(await left(project)).toBe(2);
  });
});

test('cache verify --repair leaves a cache in order, or exits with 9 when something is left', async () => {
  await using project = await usedCache();
  const { folder } = project;
  const [name = ''] = await readdir(join(folder, 'cache/v1/blobs/sha256'));
  await project.write(`cache/v1/blobs/sha256/${name}`, 'other bytes');
  expect(await toolcrib(['cache', 'verify'], { cwd: folder })).toMatchObject({ code: 9 });
  const repaired = await toolcrib(['cache', 'verify', '--repair'], { cwd: folder });
  expect(repaired).toMatchObject({ code: 0, stdout: expect.stringContaining('; it was removed') as string });
  expect(await left(project)).toBe(1);
  await project.write('cache/v1/blobs/sha256/README', 'mine');
  const foreign = await toolcrib(['--json', 'cache', 'verify', '--repair'], { cwd: folder });
  expect(foreign.code).toBe(9);
  expect(documentOf(foreign)).toMatchObject({ findings: [{ kind: 'foreign', outcome: 'left' }] });
});
