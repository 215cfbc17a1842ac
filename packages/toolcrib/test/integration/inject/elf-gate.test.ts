import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { docker, dockerAvailable, type TestImage } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { programsMissing } from '../build/samples.ts';
import { elfFile } from '../../unit/inject/elf-file.ts';
import { startSite, type InjectionSite } from './inject-container.ts';
import { compileSyntheticTool, syntheticArtifact } from './synthetic-artifact.ts';

const images: readonly TestImage[] = [
  'toolcrib-test/busybox',
  'toolcrib-test/static',
  'toolcrib-test/debian',
  'toolcrib-test/musl',
  'toolcrib-test/arm64',
];
const foreign = process.arch === 'x64' ? undefined : 'the images and the program are for amd64';
const missing = foreign ?? (await programsMissing('gcc')) ?? (await dockerAvailable(...images));

const LIBC = '/lib/x86_64-linux-gnu/libc.so.6';
const LOADER = '/lib64/ld-linux-x86-64.so.2';

describe('an artifact that needs glibc', requireOrSkip(missing), () => {
  let program: Buffer;
  let artifact: InjectableArtifact;
  beforeAll(async () => {
    program = await compileSyntheticTool(1, 'dynamic');
    artifact = await syntheticArtifact({ program, libc: 'glibc' });
  });

  test('is injected where its glibc is', async () => {
    await using site = await startSite({ image: 'toolcrib-test/debian' });
    const placement = await site.inject(artifact);
    expect(placement).toMatchObject({ target: 'amd64', reused: false });
    expect(await site.inject(artifact)).toMatchObject({ directory: placement.directory, reused: true });
  });

  test('of a newer version is refused as the loader there would refuse it, and nothing is sent', async () => {
    const newer = replaced(program, 'GLIBC_2.34', 'GLIBC_2.99');
    await using site = await startSite({ image: 'toolcrib-test/debian' });
    const injecting = site.inject(await syntheticArtifact({ program: newer, libc: 'glibc' }));
    await expect(injecting).rejects.toMatchObject({
      code: 'NO_TARGET_FITS',
      message: expect.stringMatching(/it needs GLIBC_2\.99, \/\S+\/libc\.so\.6 there is 2\.36$/) as string,
      hint: expect.stringContaining('amd64-any') as string,
    });
    expect(await docker('diff', site.name)).toBe('');
    await copyInto(site, newer, '/newer', 0o755);
    await expect(site.shell('0', '/newer version')).rejects.toThrow(/version `GLIBC_2\.99' not found/);
  });

  test.each(['toolcrib-test/busybox', 'toolcrib-test/static', 'toolcrib-test/musl'] as const)(
    'is refused by %s, which has no loader for it, and nothing is sent',
    async (image) => {
      await using site = await startSite({ image });
      await expect(site.inject(artifact)).rejects.toMatchObject({
        code: 'NO_TARGET_FITS',
        details: { missing: [`the loader ${LOADER} is not there`] },
      });
      expect(await docker('diff', site.name)).toBe('');
    },
  );

  test('is refused in an arm64 container', async () => {
    await using site = await startSite({ image: 'toolcrib-test/arm64' });
    await expect(site.inject(artifact)).rejects.toMatchObject({ code: 'NO_TARGET_FITS' });
  });

  test('is refused by an old glibc', async () => {
    const old = elfFile({
      defines: ['GLIBC_2.30'],
      text: 'GNU C Library (Debian GLIBC 2.31-13) stable release version 2.31.',
    });
    await using site = await startSite({ image: 'toolcrib-test/debian' });
    await copyInto(site, old, LIBC, 0o755);
    await expect(site.inject(artifact)).rejects.toMatchObject({
      code: 'NO_TARGET_FITS',
      details: { missing: [expect.stringMatching(/^it needs GLIBC_2\.34, \S+ there is 2\.31$/) as string] },
    });
  });

  test.each([
    ['garbage', `echo garbage > ${LIBC}`],
    ['eight gigabytes', `truncate -s 8G ${LIBC}`],
    ['a pipe', `mkfifo ${LIBC}`],
    ['links in a circle', `ln -s other ${LIBC}; ln -s libc.so.6 /lib/x86_64-linux-gnu/other`],
    ['a link out of the sandbox', `ln -s ../../../../../../../../etc/shadow ${LIBC}`],
  ])('is not fooled by a libc that is %s: its health check decides', async (_, plant) => {
    await using site = await startSite({ image: 'toolcrib-test/busybox' }, async ({ shell }) => {
      await shell('0', `mkdir -p /lib64 /lib/x86_64-linux-gnu; cp /bin/busybox ${LOADER}; ${plant}`);
    });
    await expect(site.inject(artifact, { install: ['/opt/toolcrib'] })).rejects.toMatchObject({
      code: 'NOT_INJECTABLE',
      message: expect.stringContaining('the health check ended with') as string,
    });
  });
});

/** A program with a name in it replaced by another one of the same length. */
function replaced(program: Buffer, name: string, other: string): Buffer {
  const at = program.indexOf(name);
  if (at < 0) throw new Error(`the program does not name ${name}`);
  const changed = Buffer.from(program);
  changed.write(other, at, 'latin1');
  return changed;
}

async function copyInto(site: InjectionSite, bytes: Buffer, path: string, mode: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'gate-'));
  try {
    await writeFile(join(folder, 'file'), bytes, { mode });
    await docker('cp', join(folder, 'file'), `${site.name}:${path}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
