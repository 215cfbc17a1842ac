import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { BuildConfig } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { docker, DOCKER, dockerAvailable } from '../../servers/docker.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { build, projectAt } from './samples.ts';

const AMD64 = elfFile({}).fill(1, 0x1f00);
const ARM64 = elfFile({ machine: 183 });

/** The client that the tests use is the one that the driver finds. */
const env = { ...process.env, PATH: `${dirname(DOCKER)}:${process.env['PATH'] ?? ''}` };

/** A folder with a Dockerfile and the files that it copies. */
async function contextWith(dockerfile: string): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'toolcrib-docker-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'program-7-amd64-any'), AMD64);
  await writeFile(join(folder, 'program-7-arm64-any'), ARM64);
  await writeFile(join(folder, 'Dockerfile'), `FROM toolcrib-test/static\n${dockerfile}`);
  return folder;
}

async function buildIn(folder: string, target: string, more: Parameters<typeof build>[3] = {}) {
  const driver: BuildConfig = {
    driver: 'docker',
    context: folder,
    dockerfile: join(folder, 'Dockerfile'),
    output: '/out/tool',
  };
  const config = { ...projectAt(folder, 'demo', ''), build: driver };
  return await build(config, target, join(folder, 'binaries'), { env, ...more });
}

const containers = (): Promise<string> => docker('ps', '--all', '--quiet', '--filter', 'label=toolcrib.build');

const FROM_ARGUMENTS = [
  ...['ARG TOOLCRIB_VERSION', 'ARG TOOLCRIB_ARCH', 'ARG TOOLCRIB_LIBC'],
  'COPY program-$TOOLCRIB_VERSION-$TOOLCRIB_ARCH-$TOOLCRIB_LIBC /out/tool',
].join('\n');

describe(
  'the docker build driver',
  requireOrSkip(await dockerAvailable('toolcrib-test/static', 'toolcrib-test/busybox')),
  () => {
    test('builds an image for the target and takes the file out of it, whatever it says meanwhile is shown', async () => {
      const folder = await contextWith(FROM_ARGUMENTS);
      const shown: Uint8Array[] = [];
      const built = await buildIn(folder, 'amd64-any', { onOutput: (bytes) => void shown.push(bytes) });
      expect(built).toMatchObject({ name: 'demo-amd64-any-v7', digest: digestOf(AMD64), size: AMD64.byteLength });
      expect(await readdir(join(folder, 'binaries'))).toEqual(['demo-amd64-any-v7']);
      expect(Buffer.concat(shown).toString('utf8')).toContain('FROM toolcrib-test/static');
      expect(await containers()).toBe('');
    });

    test('tells the image which target it is for, and refuses what is not made for it', async () => {
      const folder = await contextWith('COPY program-7-arm64-any /out/tool');
      const failure = await failureOfAsync(() => buildIn(folder, 'amd64-any'));
      expect(failure).toMatchObject({ name: 'CheckError', code: 'BUILD_FAILED' });
      expect(await readdir(join(folder, 'binaries'))).toEqual([]);
    });

    test.each([
      ['a build that fails', 'COPY nothing /out/tool', 'the image'],
      ['an image without the file', 'COPY program-7-amd64-any /elsewhere', 'taking /out/tool out of it'],
    ])('tells the end of what docker said about %s, and leaves no container', async (_, dockerfile, what) => {
      const failure = await failureOfAsync(async () => buildIn(await contextWith(dockerfile), 'amd64-any'));
      expect(failure).toMatchObject({ name: 'CheckError', code: 'BUILD_FAILED' });
      expect(failure.message).toContain(
        `building demo for amd64-any with docker: ${what} failed: docker exited with 1`,
      );
      expect(failure.details['output']).toMatch(/nothing|\/out\/tool/);
      expect(await containers()).toBe('');
    });

    test('leaves no container of a step that fails', async () => {
      const label = `toolcrib-test.step=${randomUUID()}`;
      const folder = await contextWith('');
      await writeFile(join(folder, 'Dockerfile'), `FROM toolcrib-test/busybox\nLABEL ${label}\nRUN exit 7\n`);
      const left = (): Promise<string> => docker('ps', '--all', '--quiet', '--filter', `label=${label}`);
      onTestFinished(async () => {
        for (const container of (await left()).split('\n').filter(Boolean)) await docker('rm', '--force', container);
      });
      const failure = await failureOfAsync(() => buildIn(folder, 'amd64-any'));
      expect(failure).toMatchObject({ code: 'BUILD_FAILED' });
      expect(failure.details['output']).toContain('7');
      expect(await left()).toBe('');
    });

    test('takes no folder for an executable', async () => {
      const folder = await contextWith('COPY program-7-amd64-any /out/tool/inside');
      const failure = await failureOfAsync(() => buildIn(folder, 'amd64-any'));
      expect(failure).toMatchObject({ code: 'BUILD_FAILED', hint: expect.stringContaining('"output"') as string });
    });

    test('names the program that is not installed', async () => {
      const folder = await contextWith(FROM_ARGUMENTS);
      const failure = await failureOfAsync(() => buildIn(folder, 'amd64-any', { env: { PATH: folder } }));
      expect(failure).toMatchObject({
        code: 'BUILD_FAILED',
        hint: expect.stringContaining('install docker') as string,
      });
    });

    test('that is interrupted leaves no container, whatever it was doing', async () => {
      for (const moment of ['FROM', 'Successfully built']) {
        const stop = new AbortController();
        const onOutput = (bytes: Uint8Array): void => {
          if (Buffer.from(bytes).toString('utf8').includes(moment)) stop.abort();
        };
        const folder = await contextWith(FROM_ARGUMENTS);
        const more = { onOutput, signal: stop.signal };
        expect(await failureOfAsync(() => buildIn(folder, 'amd64-any', more))).toMatchObject({ code: 'INTERRUPTED' });
        expect(await containers()).toBe('');
        expect(await readdir(join(folder, 'binaries'))).toEqual([]);
      }
    });

    test('builds what is pinned, or keeps nothing', async () => {
      const folder = await contextWith(FROM_ARGUMENTS);
      const failure = await failureOfAsync(() => buildIn(folder, 'amd64-any', { pin: digestOf(ARM64) }));
      expect(failure).toMatchObject({ name: 'IntegrityError', code: 'DIGEST_MISMATCH' });
      expect(await readdir(join(folder, 'binaries'))).toEqual([]);
      expect(await buildIn(folder, 'amd64-any', { pin: digestOf(AMD64) })).toMatchObject({ digest: digestOf(AMD64) });
    });
  },
);
