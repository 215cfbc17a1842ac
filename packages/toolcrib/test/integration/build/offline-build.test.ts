import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { cliEnvironment, TOOLCRIB } from '../cli/command-line.ts';
import { build, programsMissing, projectAt, TOOLCHAIN } from './samples.ts';

const ENTRY = "console.log('made without a network');\n";
const CONFIG = { tool: 'echo', targets: ['amd64-any'], stores: [] };
const BUN = { ...CONFIG, build: { driver: 'bun', entry: 'main.ts' } };

/** Runs `toolcrib --offline --json build` and tells which sockets it, and all that it started, asked the kernel for. */
async function buildOffline(folder: string) {
  const log = join(folder, 'sockets');
  const trace = ['-f', '-qq', '-e', 'trace=socket', '-o', log];
  // Nobody is there: who asks them opens a socket of the internet all the same.
  const env = cliEnvironment(folder, {
    DOCKER_HOST: 'tcp://127.0.0.1:1',
    npm_config_registry: 'http://127.0.0.1:1/',
    npm_config_fetch_retries: '0',
  });
  const ended = await promisify(execFile)('strace', [...trace, ...TOOLCRIB, '--offline', '--json', 'build'], {
    cwd: folder,
    env,
  }).then(
    ({ stdout }) => ({ code: 0, stdout }),
    (error: unknown) => {
      if (!(error instanceof Error && 'code' in error && 'stdout' in error)) throw error;
      return { code: Number(error.code), stdout: String(error.stdout) };
    },
  );
  const families = [...(await readFile(log, 'utf8')).matchAll(/socket\((AF_\w+)/g)].map((found) => found[1]);
  const internet = families.filter((family) => family === 'AF_INET' || family === 'AF_INET6');
  const document: unknown = JSON.parse(ended.stdout);
  return { code: ended.code, document, internet };
}

describe(
  'toolcrib --offline build',
  requireOrSkip(await programsMissing('apt-get', 'cc', 'dpkg-deb', 'npm', 'strace')),
  () => {
    let online: ScratchProject;
    let digest: string;
    beforeAll(async () => {
      online = await scratchProject({ 'main.ts': ENTRY });
      const config = projectAt(online.folder, 'echo', join(online.folder, 'main.ts'));
      digest = (await build(config, 'amd64-any', join(online.folder, 'out'), { version: 1 })).digest;
    });
    afterAll(() => online[Symbol.asyncDispose]());

    test('makes the same bytes from what a build has fetched before, and opens no socket of the internet', async () => {
      await using project = await scratchProject({ 'toolcrib.json': BUN, 'tool-version.txt': '1\n', 'main.ts': ENTRY });
      await mkdir(join(project.folder, 'cache'));
      await symlink(TOOLCHAIN, join(project.folder, 'cache', 'toolchain'));
      const { code, document, internet } = await buildOffline(project.folder);
      expect({ code, document, internet }).toMatchObject({
        code: 0,
        internet: [],
        document: { artifacts: [{ digest }] },
      });
      expect(digestOf(await readFile(join(project.folder, 'binaries', 'echo-amd64-any-v1')))).toBe(digest);
    });

    test.each([
      ['the compiler was never fetched', BUN.build],
      ['an engine would have to be asked', { driver: 'docker', context: '.', output: '/tool' }],
    ])('is exit 7 without a socket of the internet where %s', async (_, driver) => {
      const files = { 'tool-version.txt': '1\n', 'main.ts': ENTRY, Dockerfile: 'FROM nowhere.example/none\n' };
      await using project = await scratchProject({ ...files, 'toolcrib.json': { ...CONFIG, build: driver } });
      const end = await buildOffline(project.folder);
      expect(end).toMatchObject({ code: 7, internet: [], document: { error: { code: 'OFFLINE' } } });
      expect(await readdir(join(project.folder, 'binaries'))).toEqual([]);
    });

    test('runs a build command, which has to keep to itself', async () => {
      const command = 'cc -static -o "$TOOLCRIB_OUTPUT" main.c';
      const files = { 'tool-version.txt': '1\n', 'main.c': 'int main(void) { return 0; }\n' };
      const config = { ...CONFIG, build: { driver: 'command', command } };
      await using project = await scratchProject({ ...files, 'toolcrib.json': config });
      expect(await buildOffline(project.folder)).toMatchObject({ code: 0, internet: [] });
    });
  },
);
