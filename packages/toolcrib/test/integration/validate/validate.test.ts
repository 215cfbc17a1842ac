import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { podmanAvailable, podmanSockets } from '../../servers/podman.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { documentOf, startCli, toolcrib, type CliEnd } from '../cli/command-line.ts';

const IMAGES = ['debian', 'busybox', 'static', 'musl', 'arm64'].map((name) => `toolcrib-test/${name}` as const);
const foreign = process.arch === 'x64' ? undefined : 'the images and the program are for amd64';
const missing =
  foreign ??
  (await programsMissing('gcc')) ??
  (await dockerAvailable(
    'toolcrib-test/busybox',
    'toolcrib-test/static',
    'toolcrib-test/debian',
    'toolcrib-test/musl',
    'toolcrib-test/arm64',
  ));

const withPodman = requireOrSkip((await podmanAvailable('rootful')) ?? (await podmanAvailable('rootless')));

const LABEL = 'toolcrib.validate';
const COMMAND = 'gcc $LINKING -Os -s -DTOOL_VERSION=$TOOLCRIB_VERSION -o "$TOOLCRIB_OUTPUT" synthetic-tool.c';

describe('validate', requireOrSkip(missing), () => {
  let folder: string;
  // Killed ones leave a folder for temporary files, too.
  const env = () => ({ TOOLCRIB_CACHE_DIR: join(folder, 'cache'), TMPDIR: folder });
  const run = (...args: readonly string[]): Promise<CliEnd> => toolcrib(args, { cwd: folder, env: env() });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'validate-'));
    await copyFile(join(import.meta.dirname, '../inject/synthetic-tool.c'), join(folder, 'synthetic-tool.c'));
    await writeFile(join(folder, 'tool-version.txt'), '1\n');
    await configure(['toolcrib-test/debian', 'toolcrib-test/busybox']);
    expect((await run('build')).code).toBe(0);
    expect((await run('publish')).code).toBe(0);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function configure(images: readonly string[]): Promise<void> {
    const command = `LINKING=; [ $TOOLCRIB_LIBC != any ] || LINKING=-static; ${COMMAND}`;
    const build = { driver: 'command', command };
    const config = { tool: 'synthetic', targets: ['amd64', 'amd64-any'], build, stores: ['file:./store'], images };
    await writeFile(join(folder, 'toolcrib.json'), JSON.stringify(config));
  }

  test('passes every artifact in the images of the configuration, and leaves no container and no record', async () => {
    const before = await run('--json', 'cache', 'ls');
    const { stdout, code } = await run('validate');
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toContain('toolcrib-test/debian   amd64      1000  passed  namespace  root-owned\n');
    expect(stdout).toContain('6 passed, 0 failed');
    expect(await containersOf(process.pid)).toEqual([]);
    const placements = (end_: CliEnd) => (documentOf(end_) as { placements: unknown }).placements;
    expect(placements(await run('--json', 'cache', 'ls'))).toEqual(placements(before));
  });

  test('routes artifacts to images without a shell, of another libc and another machine, and fails with 9', async () => {
    const end = await run('--json', 'validate', '--jobs', '8', ...images([...IMAGES, 'toolcrib-test/not-there']));
    expect(end.code).toBe(9);
    const { results, verdict } = documentOf(end) as { verdict: string; results: readonly Line[] };
    expect(verdict).toBe('failed');
    const shown = results.filter(({ outcome }) => outcome !== 'unfit').map(lineOf);
    expect(shown).toEqual([
      ...['amd64 root', 'amd64 1000', 'amd64-any root', 'amd64-any 1000'].map((line) => `debian ${line} passed`),
      ...['busybox', 'static', 'musl'].flatMap((image) =>
        ['root', '1000'].map((user) => `${image} amd64-any ${user} passed`),
      ),
      'arm64   failed',
      'not-there   failed',
    ]);
    expect(results.find(({ image }) => image === 'toolcrib-test/arm64')).toMatchObject({ code: 'NO_TARGET_FITS' });
    expect(results.find(({ image }) => image.endsWith('not-there'))).toMatchObject({
      code: 'NOT_FOUND',
      hint: 'toolcrib pulls nothing: docker pull toolcrib-test/not-there',
    });
  });

  test('fails what does not run there, and what fits no image', async () => {
    const config = { tool: 'synthetic', targets: ['amd64', 'amd64-any'], stores: ['file:./store'] };
    const broken = { ...config, healthcheck: ['fail'], install: ['/opt/toolcrib'] };
    await writeFile(join(folder, 'toolcrib.json'), JSON.stringify(broken));
    try {
      const end = await run('--json', 'validate', '--target', 'amd64-any', ...images(['toolcrib-test/static']));
      expect(end.code).toBe(9);
      const reason = expect.stringContaining('the health check ended with 3') as string;
      expect(documentOf(end)).toMatchObject({
        results: ['root', '1000'].map((user) => ({ target: 'amd64-any', user, outcome: 'failed', reason })),
      });
      const named = await run('validate', '--target', 'amd64', ...images(['toolcrib-test/musl']));
      expect(named).toMatchObject({ code: 9, stdout: expect.stringContaining('nothing was validated') as string });
    } finally {
      await configure(['toolcrib-test/debian', 'toolcrib-test/busybox']);
    }
  });

  test('takes local builds in an edited checkout', async () => {
    const edited = { ...env(), TOOLCRIB_INSTALL_STATE: 'edited' };
    expect((await run('build', '--dev')).code).toBe(0);
    const args = ['--json', 'validate', '--target', 'amd64-any', ...images(['toolcrib-test/busybox'])];
    const end = await toolcrib(args, { cwd: folder, env: edited });
    expect(end).toMatchObject({ code: 0 });
    expect(documentOf(end)).toMatchObject({ dev: true });
    await rm(join(folder, 'binaries', 'synthetic-amd64-any-v1-dev'));
    const without = await toolcrib(args, { cwd: folder, env: edited });
    expect(without.code).toBe(9);
    expect(documentOf(without)).toMatchObject({ results: [{ outcome: 'failed' }, { outcome: 'failed' }] });
  });

  test('removes its containers when it is interrupted', async () => {
    const cli = startCli(['validate', '--jobs', '2'], { cwd: folder, env: env() });
    const pid = cli.process.pid ?? 0;
    while ((await containersOf(pid)).length === 0);
    cli.process.kill('SIGINT');
    expect(await cli.end).toMatchObject({ code: 130 });
    expect(await containersOf(pid)).toEqual([]);
  });

  test('removes what a killed validation left, and never what belongs to another that runs', async () => {
    const cli = startCli(['validate', '--jobs', '2'], { cwd: folder, env: env() });
    const pid = cli.process.pid ?? 0;
    while ((await containersOf(pid)).length === 0);
    cli.process.kill('SIGKILL');
    await cli.end;
    const left = await containersOf(pid);
    expect(left.length).toBeGreaterThan(0);
    const labels = { [LABEL]: formatIdentity(ownIdentity()) };
    await using other = await startContainer({ image: 'toolcrib-test/busybox', labels });
    const end = await run('validate', '--target', 'amd64-any', ...images(['toolcrib-test/busybox']));
    expect(end.code).toBe(0);
    expect(end.stderr).toContain('which a killed validation left');
    expect(await containersOf(pid)).toEqual([]);
    expect(await docker('inspect', '--format', '{{.State.Running}}', other.name)).toBe('true');
  });

  test('offline, asks only an engine behind a unix socket', async () => {
    const options = { cwd: folder, env: { ...env(), DOCKER_HOST: 'tcp://127.0.0.1:1' } };
    const end = await toolcrib(['--offline', '--json', 'validate'], options);
    expect(end.code).toBe(7);
    expect(documentOf(end)).toMatchObject({ error: { code: 'OFFLINE' } });
    expect((await run('--offline', 'validate', ...images(['toolcrib-test/busybox']))).code).toBe(0);
  });

  test.each(['rootful', 'rootless'] as const)(
    'makes containers of images with and without a shell with %s Podman',
    withPodman,
    async (kind) => {
      const options = { cwd: folder, env: { ...env(), CONTAINER_HOST: `unix://${podmanSockets[kind]}` } };
      const named = images(['toolcrib-test/busybox', 'toolcrib-test/static', 'toolcrib-test/not-there']);
      const end = await toolcrib(['--json', 'validate', '--engine', 'podman', ...named], options);
      const { results } = documentOf(end) as { results: readonly Line[] };
      const [bare, ...others] = results
        .filter(({ outcome }) => outcome !== 'unfit')
        .sort((a, b) => Number(isBare(b)) - Number(isBare(a)));
      expect(others.map(lineOf)).toEqual([
        'busybox amd64-any root passed',
        'busybox amd64-any 1000 passed',
        'static amd64-any root passed',
        'not-there   failed',
      ]);
      // Podman does not tell owners, and nothing in there could write: it takes the namespace helper.
      expect([
        { outcome: 'passed', rung: 'namespace', code: null },
        { outcome: 'failed', rung: null, code: 'NOT_INJECTABLE' },
      ]).toContainEqual({ outcome: bare?.outcome, rung: bare?.rung, code: bare?.code });
      expect(end.code).toBe(9);
    },
  );
});

interface Line {
  readonly image: string;
  readonly target: string | null;
  readonly user: string | null;
  readonly outcome: string;
  readonly rung: string | null;
  readonly code: string | null;
}

function isBare({ image, user }: Line): boolean {
  return image === 'toolcrib-test/static' && user === '1000';
}

const images = (names: readonly string[]): readonly string[] => names.flatMap((name) => ['--image', name]);

function lineOf({ image, target, user, outcome }: Line): string {
  return `${image.replace('toolcrib-test/', '')} ${target ?? ''} ${user ?? ''} ${outcome}`;
}

/** Containers that a process made for a validation, running or not. */
async function containersOf(pid: number): Promise<readonly string[]> {
  const format = `{{.ID}} {{.Label "${LABEL}"}}`;
  const lines = (await docker('ps', '--all', '--filter', `label=${LABEL}`, '--format', format)).split('\n');
  return lines.filter((line) => line.split('-').at(-2) === String(pid));
}
