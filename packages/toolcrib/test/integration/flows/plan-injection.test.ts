import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { documentOf } from '../cli/command-line.ts';
import { elfFile } from '../../unit/inject/elf-file.ts';
import { programsMissing } from '../build/samples.ts';
import { commandSite, type CommandSite } from './sandbox-site.ts';

const foreign = process.arch === 'x64' ? undefined : 'the images and the program are for amd64';
const missing =
  foreign ??
  (await programsMissing('gcc')) ??
  (await dockerAvailable('toolcrib-test/busybox', 'toolcrib-test/debian', 'toolcrib-test/musl', 'toolcrib-test/arm64'));

const COMMAND = 'gcc $LINKING -Os -s -DTOOL_VERSION=$TOOLCRIB_VERSION -o "$TOOLCRIB_OUTPUT" synthetic-tool.c';
const BOTH = ['amd64', 'amd64-any'];

describe('inject with a target for glibc and one for anything', requireOrSkip(missing), () => {
  let folder: string;
  let site: CommandSite;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'plan-'));
    await copyFile(join(import.meta.dirname, '../inject/synthetic-tool.c'), join(folder, 'synthetic-tool.c'));
    await writeFile(join(folder, 'tool-version.txt'), '1\n');
    await configure(BOTH);
    site = await commandSite(folder);
    await site.json('build');
    await site.json('publish');
  });
  afterAll(async () => {
    await site[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  async function configure(targets: readonly string[]): Promise<void> {
    const command = `LINKING=; [ $TOOLCRIB_LIBC != any ] || LINKING=-static; ${COMMAND}`;
    const build = { driver: 'command', command };
    const config = { tool: 'synthetic', targets, build, stores: ['file:./store'] };
    await writeFile(join(folder, 'toolcrib.json'), JSON.stringify(config));
  }

  /** A container whose glibc is older than what the program needs. */
  async function startOldContainer() {
    const container = await startContainer({ image: 'toolcrib-test/busybox' });
    const banner = 'GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.';
    await writeFile(join(folder, 'libc.so.6'), elfFile({ defines: ['GLIBC_2.30'], text: banner }));
    const make = 'mkdir -p /lib64; cp /bin/busybox /lib64/ld-linux-x86-64.so.2';
    await docker('exec', container.name, 'sh', '-c', make);
    await docker('cp', join(folder, 'libc.so.6'), `${container.name}:/lib64/libc.so.6`);
    return container;
  }

  test('--plan tells every target and every way, changes nothing, and inject does what it says', async () => {
    await using container = await startContainer({ image: 'toolcrib-test/debian' });
    const sandbox = `docker:${container.name}`;
    const plan = await site.json('inject', '--plan', sandbox);
    expect(plan).toMatchObject({
      sandbox,
      target: 'amd64',
      placed: null,
      possible: true,
      targets: [
        { target: 'amd64', usable: true, tier: 'bundled', size: expect.any(Number) as number },
        { target: 'amd64-any', usable: true, tier: 'bundled', reason: 'bin/synthetic needs no loader of the sandbox' },
      ],
    });
    expect(await docker('diff', container.name)).toBe('');
    const planned = plan as { ways: readonly { rung: string; parent: string; usable: boolean }[] };
    const { ways } = planned;
    const parents = ['/var/lib/toolcrib', '/opt/toolcrib', '/tmp/toolcrib'];
    expect(ways.map(({ rung, parent }) => `${rung} ${parent}`)).toEqual([
      ...parents.map((parent) => `overlay ${parent}`),
      ...parents.flatMap((parent) =>
        ['namespace', 'archive', 'exec-tar', 'exec-cat'].map((rung) => `${rung} ${parent}`),
      ),
    ]);
    const copies = (await site.json('inject', '--plan', '--copy', sandbox)) as typeof planned;
    expect(copies.ways).toEqual(ways.filter(({ rung }) => rung !== 'overlay'));
    const { placement } = (await site.json('inject', sandbox)) as { placement: { rung: string; directory: string } };
    expect(placement).toMatchObject({ target: 'amd64', rung: ways.find(({ usable }) => usable)?.rung });
    expect(await site.json('inject', '--plan', sandbox)).toMatchObject({
      placed: { target: 'amd64', directory: placement.directory, protection: 'read-only-mount' },
    });
  });

  test('takes the target that needs nothing where the glibc is too old, and says why', async () => {
    await using container = await startOldContainer();
    const sandbox = `docker:${container.name}`;
    const why = 'it needs GLIBC_2.34, /lib64/libc.so.6 there is 2.31';
    expect(await site.json('inject', '--plan', sandbox)).toMatchObject({
      target: 'amd64-any',
      targets: [
        { target: 'amd64', usable: false, reason: why },
        { target: 'amd64-any', usable: true },
      ],
    });
    const end = await site.run('inject', sandbox);
    expect(end).toMatchObject({ code: 0, stdout: expect.stringContaining('amd64-any') as string });
    expect(end.stderr.replaceAll(/\s+/g, ' ')).toContain(`${why}: the target amd64-any is taken instead`);
    expect(await site.json('inject', sandbox)).toMatchObject({ placement: { reused: true, target: 'amd64-any' } });
  });

  test('ends with 8 where nothing fits, planned or not, and the plan is still told', async () => {
    await configure(['amd64']);
    try {
      await using old = await startOldContainer();
      const planned = await site.run('--json', 'inject', '--plan', `docker:${old.name}`);
      expect(planned.code).toBe(8);
      expect(documentOf(planned)).toMatchObject({ possible: false, target: null, targets: [{ usable: false }] });
      expect(await site.run('inject', `docker:${old.name}`)).toMatchObject({
        code: 8,
        stderr: expect.stringContaining('amd64-any') as string,
      });
      await using musl = await startContainer({ image: 'toolcrib-test/musl' });
      const text = await site.run('inject', '--plan', `docker:${musl.name}`);
      expect(text).toMatchObject({ code: 8, stdout: expect.stringContaining('1. amd64: not usable') as string });
      await using arm64 = await startContainer({ image: 'toolcrib-test/arm64' });
      const foreign = await site.run('--json', 'inject', '--plan', `docker:${arm64.name}`);
      expect(documentOf(foreign)).toMatchObject({ targets: [{ reason: 'it is for amd64, not for arm64' }] });
    } finally {
      await configure(BOTH);
    }
  });

  test('ends with 8 and the reason where the target that needs nothing is not pinned', async () => {
    const pins = await readFile(join(folder, 'SHA256SUMS'), 'utf8');
    await writeFile(join(folder, 'SHA256SUMS'), pins.replace(/^.*-any-.*\n/m, ''));
    try {
      await using old = await startOldContainer();
      const end = await site.run('--json', 'inject', `docker:${old.name}`);
      expect(end.code).toBe(8);
      expect(documentOf(end)).toMatchObject({ error: { code: 'NO_TARGET_FITS' } });
      expect(documentOf(await site.run('--json', 'inject', '--plan', `docker:${old.name}`))).toMatchObject({
        possible: false,
        targets: [{ target: 'amd64' }, { target: 'amd64-any', usable: false, name: null }],
      });
    } finally {
      await writeFile(join(folder, 'SHA256SUMS'), pins);
    }
  });

  test('--plan names the ways that a sandbox does not allow', async () => {
    const args = ['--read-only', '--tmpfs', '/tmp:exec', '--user', '1000'];
    await using container = await startContainer({ image: 'toolcrib-test/busybox', args });
    const plan = await site.json('inject', '--plan', `docker:${container.name}`);
    expect(plan).toMatchObject({ possible: true, target: 'amd64-any' });
    const { ways } = plan as { ways: readonly { rung: string; parent: string; usable: boolean; reason: string }[] };
    expect(ways.filter(({ usable }) => usable).map(({ parent }) => parent)).toContain('/tmp/toolcrib');
    expect(ways.find(({ parent }) => parent === '/var/lib/toolcrib')).toMatchObject({
      usable: false,
      reason: 'the root file system is read-only',
    });
  });
});
