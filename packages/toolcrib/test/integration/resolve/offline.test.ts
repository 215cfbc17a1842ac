import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requireOrSkip } from '../../servers/require.ts';
import { cliEnvironment, documentOf, TOOLCRIB, toolcrib } from '../cli/command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';

const SOURCE = `#include <stdio.h>
int main(int count, char **words) {
  if (count > 3) printf("{\\"tool\\":\\"demo\\",\\"version\\":1,\\"nonce\\":\\"%s\\"}\\n", words[3]);
  return 0;
}
`;
/** Nobody is there: who asks it opens a socket of the internet all the same. */
const STORE = 'http://127.0.0.1:1/tools';
const CONFIG = {
  tool: 'demo',
  targets: ['amd64-any'],
  build: { driver: 'command', command: 'cc -static -o "$TOOLCRIB_OUTPUT" main.c' },
  stores: [STORE],
};

const missing =
  (await programsMissing('cc', 'strace', 'unshare')) ??
  (process.getuid?.() === 0 ? undefined : 'a network namespace needs root') ??
  (process.arch === 'x64' ? undefined : 'the tool of these tests is built for amd64');

let template: ScratchProject;
/** A project whose artifact is pinned and in the cache only. */
beforeAll(async () => {
  if (missing !== undefined) return;
  template = await scratchProject({ 'toolcrib.json': CONFIG, 'tool-version.txt': '1\n', 'main.c': SOURCE });
  for (const args of [
    ['build'],
    ['publish', '--to', 'file:./store'],
    ['bundle', 'create', '--output', 'demo.bundle'],
  ]) {
    expect(await toolcrib(args, { cwd: template.folder })).toMatchObject({ code: 0 });
  }
  for (const name of ['binaries', 'store', 'cache'])
    await rm(join(template.folder, name), { recursive: true, force: true });
});
afterAll(() => template[Symbol.asyncDispose]());

interface AirGapped extends ScratchProject {
  /** Runs a command line below these words, e.g. `strace …`. */
  under(words: readonly string[], args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended>;
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
}

/** A project whose cache was filled from a bundle. */
async function airGapped(): Promise<AirGapped> {
  const project = await scratchProject();
  await cp(template.folder, project.folder, { recursive: true });
  expect(await toolcrib(['--offline', 'bundle', 'load', 'demo.bundle'], { cwd: project.folder })).toMatchObject({
    code: 0,
  });
  return {
    ...project,
    async under(words, args, env = {}) {
      const [program = '', ...rest] = [...words, ...TOOLCRIB, ...args];
      const options = { cwd: project.folder, env: cliEnvironment(project.folder, env) };
      try {
        const { stdout } = await promisify(execFile)(program, rest, options);
        return { code: 0, stdout };
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && 'stdout' in error)) throw error;
        return { code: Number(error.code), stdout: String(error.stdout) };
      }
    },
  };
}

/** Runs a command line and tells which sockets it, or anything that it started, asked the kernel for. */
async function socketsOf(project: AirGapped, args: readonly string[], env?: Readonly<Record<string, string>>) {
  const log = join(project.folder, 'sockets');
  const end = await project.under(['strace', '-f', '-qq', '-e', 'trace=socket', '-o', log], args, env);
  const families = [...(await readFile(log, 'utf8')).matchAll(/socket\((AF_\w+)/g)].map((found) => found[1]);
  return { ...end, internet: families.filter((family) => family === 'AF_INET' || family === 'AF_INET6') };
}

const COMMANDS: readonly (readonly [string, readonly string[]])[] = [
  ['resolve', ['resolve', '--target', 'amd64-any', '--explain']],
  ['fetch', ['fetch', '--all']],
  ['inject', ['inject', 'local:./sandbox']],
  ['status', ['status']],
];

describe('offline', requireOrSkip(missing), () => {
  test.each(COMMANDS)('%s works from the cache and opens no socket of the internet', async (_, args) => {
    await using project = await airGapped();
    await mkdir(join(project.folder, 'sandbox'));
    expect(await socketsOf(project, ['--offline', ...args])).toMatchObject({ code: 0, internet: [] });
  });

  test.each(COMMANDS)('%s works where there is no network at all', async (_, args) => {
    await using project = await airGapped();
    await mkdir(join(project.folder, 'sandbox'));
    expect(await project.under(['unshare', '--net'], ['--offline', ...args])).toMatchObject({ code: 0 });
  });

  test('what is not in the cache is exit 7, still without a socket', async () => {
    await using project = await airGapped();
    await rm(join(project.folder, 'cache'), { recursive: true });
    const end = await socketsOf(project, ['--offline', '--json', 'resolve', '--target', 'amd64-any']);
    expect(end).toMatchObject({ code: 7, internet: [] });
    expect(documentOf({ ...end, signal: null, stderr: '' })).toMatchObject({ error: { code: 'OFFLINE' } });
  });

  test('an engine behind TCP is not asked: exit 7', async () => {
    await using project = await airGapped();
    const env = { DOCKER_HOST: 'tcp://127.0.0.1:1' };
    const end = await socketsOf(project, ['--offline', '--json', 'inject', 'docker:box'], env);
    expect(end).toMatchObject({ code: 7, internet: [] });
    expect(documentOf({ ...end, signal: null, stderr: '' })).toMatchObject({ error: { code: 'OFFLINE' } });
  });

  test('is what keeps the sockets closed: online the same command opens one', async () => {
    await using project = await airGapped();
    await rm(join(project.folder, 'cache'), { recursive: true });
    const end = await socketsOf(project, ['resolve', '--target', 'amd64-any']);
    expect(end.code).toBe(7);
    expect(end.internet).toContain('AF_INET');
  });
});
