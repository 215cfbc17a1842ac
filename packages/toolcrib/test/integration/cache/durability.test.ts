import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { cliEnvironment, TOOLCRIB, toolcrib } from '../cli/command-line.ts';

const CONFIG = {
  tool: 'demo',
  targets: ['amd64'],
  build: { driver: 'command', command: 'cp /bin/true "$TOOLCRIB_OUTPUT"' },
  stores: ['file:./store'],
};

const needsStrace = requireOrSkip(await programsMissing('strace'));

test('the disk is waited for only where nobody could fetch an artifact again', needsStrace, async () => {
  await using project = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n' });
  const at = { cwd: project.folder };
  await mkdir(join(project.folder, 'binaries'));
  await writeFile(join(project.folder, 'binaries/demo-amd64-v1'), await readFile('/bin/true'));
  for (const args of [['publish'], ['bundle', 'create', '--output', 'demo.bundle']]) {
    expect(await toolcrib(args, at)).toMatchObject({ code: 0 });
  }
  await rm(join(project.folder, 'binaries'), { recursive: true });

  /** Paths of the cache's blobs that a command synced. */
  const synced = async (...args: string[]): Promise<readonly string[]> => {
    await rm(join(project.folder, 'cache'), { recursive: true, force: true });
    const log = join(project.folder, 'strace.log');
    const words = ['-f', '-y', '-e', 'trace=fsync,fdatasync', '-o', log, ...TOOLCRIB, ...args];
    await promisify(execFile)('strace', words, { ...at, env: cliEnvironment(project.folder, {}) });
    return (await readFile(log, 'utf8')).split('\n').filter((line) => line.includes('/blobs/'));
  };
  expect(await synced('resolve', '--target', 'amd64')).toEqual([]);
  expect(await synced('bundle', 'load', 'demo.bundle')).not.toEqual([]);
});
