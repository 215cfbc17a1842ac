import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { buildArtifact, type BuildRequest } from '../../../src/build/artifact.ts';
import type { ProjectConfig } from '../../../src/config/config.ts';
import { formatArtifactDescriptor } from '../../../src/core/artifact-descriptor.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { formatIdentity, ownIdentity } from '../../../src/disk/process-identity.ts';
import { gzip, sortTree, writeTar, type TarEntry } from '../../../src/tar/write.ts';
import { collect } from '../tar/bytes.ts';
import { elfFile } from './elf-file.ts';

const STATIC = elfFile({});
const GLIBC = elfFile({ interpreter: '/lib64/ld-linux-x86-64.so.2', needed: ['libc.so.6'], versions: ['GLIBC_2.17'] });
const MUSL = elfFile({ interpreter: '/lib/ld-musl-x86_64.so.1', needed: ['libc.musl-x86_64.so.1'] });
const ARM = elfFile({ machine: 183 });

let folder: string;
let out: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'toolcrib-command-'));
  out = join(folder, 'out');
});
afterEach(() => rm(folder, { recursive: true }));

function config(command: string, entrypoint: readonly string[] = []): ProjectConfig {
  const file = (name: string) => join(folder, name);
  return {
    ...{ file: file('toolcrib.json'), folder, tool: 'demo', versionFile: file('v'), sumsFile: file('SHA256SUMS') },
    ...{
      binaries: out,
      sources: ['.'],
      baseBranch: 'main',
      targets: [],
      stores: [],
      rewrite: [],
      attestation: NO_ATTESTATION_POLICY,
      install: [],
      images: [],
      cache: {},
      repoBase: undefined,
    },
    ...{ build: { driver: 'command', command }, entrypoint, healthcheck: [] },
  };
}

function build(command: string, more: Partial<BuildRequest> & { entrypoint?: readonly string[] } = {}) {
  return buildArtifact({
    ...{ config: config(command, more.entrypoint), version: 3, target: parseTarget('amd64'), dev: false },
    ...{ outputDirectory: out, reporter: silentReporter, signal: new AbortController().signal },
    ...{ toolchainCache: join(folder, 'toolchain'), env: { PATH: process.env['PATH'], INHERITED: 'yes' } },
    offline: false,
    ...more,
  });
}

/** Builds by copying a file that the test made. */
async function buildFrom(bytes: Uint8Array, target: string, entrypoint: readonly string[] = []) {
  await writeFile(join(folder, 'made'), bytes);
  return build('cp made "$TOOLCRIB_OUTPUT"', { target: parseTarget(target), entrypoint });
}

describe('the command driver', () => {
  test('makes a checked artifact visible under its own name, executable', async () => {
    const built = await buildFrom(GLIBC, 'amd64');
    expect(built).toEqual({
      ...{ name: 'demo-amd64-v3', path: join(out, 'demo-amd64-v3'), digest: digestOf(GLIBC), size: GLIBC.length },
      ...{ target: { arch: 'amd64', libc: 'glibc' }, glibcFloor: '2.17', mediaType: 'application/x-executable' },
    });
    expect(await readdir(out)).toEqual(['demo-amd64-v3']);
    expect(await readFile(built.path)).toEqual(GLIBC);
    expect((await stat(built.path)).mode & 0o777).toBe(0o755);
  });

  test('tells the command what to build, in the folder of the configuration', async () => {
    await writeFile(join(folder, 'made'), MUSL);
    await build(
      'pwd > told; env | grep -E "^(TOOLCRIB_(ARCH|LIBC|VERSION)|INHERITED)=" | sort >> told; cp made "$TOOLCRIB_OUTPUT"',
      {
        target: parseTarget('amd64-musl'),
        dev: true,
      },
    );
    expect(await readFile(join(folder, 'told'), 'utf8')).toBe(
      `${folder}\nINHERITED=yes\nTOOLCRIB_ARCH=amd64\nTOOLCRIB_LIBC=musl\nTOOLCRIB_VERSION=3\n`,
    );
    expect(await readdir(out)).toEqual(['demo-amd64-musl-v3-dev']);
  });

  test('tells the end of the output when the command fails', async () => {
    const building = build('seq 1 5000; echo "the reason" >&2; exit 3');
    await expect(building).rejects.toMatchObject({ code: 'BUILD_FAILED', details: { exitCode: 3 } });
    const error: unknown = await building.catch((reason: unknown) => reason);
    expect(String(error)).toMatch(/exited with 3.*\n(?:.*\n)*the reason$/);
    expect(String(error).length).toBeLessThan(5000);
    expect(await readdir(out)).toEqual([]);
  });

  test.each([
    ['nothing', 'true', /made no file/],
    ['a directory', 'mkdir "$TOOLCRIB_OUTPUT"', /made no file/],
    ['a link', 'ln -s /bin/sh "$TOOLCRIB_OUTPUT"', /made no file/],
    ['a script', 'echo "#!/bin/sh" > "$TOOLCRIB_OUTPUT"', /neither an ELF executable nor a gzipped tar/],
    ['an empty file', ': > "$TOOLCRIB_OUTPUT"', /neither an ELF/],
  ])('refuses a command that makes %s', async (_, command, message) => {
    const building = build(command);
    await expect(building).rejects.toMatchObject({ code: 'BUILD_FAILED' });
    await expect(building).rejects.toThrow(message);
    expect(await readdir(out)).toEqual([]);
  });

  test('keeps the artifact that was there when the next build fails', async () => {
    const built = await buildFrom(GLIBC, 'amd64');
    await expect(build('echo broken > "$TOOLCRIB_OUTPUT"')).rejects.toMatchObject({ code: 'BUILD_FAILED' });
    expect(await readFile(built.path)).toEqual(GLIBC);
  });

  test('ends the whole process group when it is aborted', async () => {
    const controller = new AbortController();
    const building = build('sleep 300 & echo $! > child; sh -c "sleep 301 & wait" & wait', {
      signal: controller.signal,
    });
    while ((await readFile(join(folder, 'child'), 'utf8').catch(() => '')) === '') await sleep(10);
    const child = Number(await readFile(join(folder, 'child'), 'utf8'));
    controller.abort();
    await expect(building).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect.poll(() => isRunning(child)).toBe(false);
    expect(await readdir(out)).toEqual([]);
  });

  test('leaves nothing of the command behind, and does not wait for it', async () => {
    await writeFile(join(folder, 'made'), GLIBC);
    await build('sleep 300 & echo $! > child; cp made "$TOOLCRIB_OUTPUT"');
    const child = Number(await readFile(join(folder, 'child'), 'utf8'));
    await expect.poll(() => isRunning(child)).toBe(false);
  });

  test('says that there is no way to build without a configuration for it', async () => {
    const { build: _, ...rest } = config('');
    await expect(build('', { config: { ...rest, build: undefined } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });
});

async function isRunning(pid: number): Promise<boolean> {
  try {
    return !(await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z ');
  } catch {
    return false;
  }
}

describe('an executable', () => {
  test.each([
    ['amd64', ARM, /is for arm64/],
    ['arm64', STATIC, /is for amd64/],
    ['amd64-any', GLIBC, /needs \/lib64\/ld-linux-x86-64\.so\.2, libc\.so\.6 of the sandbox/],
    ['amd64-musl', GLIBC, /needs glibc 2\.17/],
    ['amd64', MUSL, /needs musl/],
  ])('for %s is refused when it does not run there', async (target, bytes, message) => {
    await expect(buildFrom(bytes, target)).rejects.toThrow(message);
    await expect(buildFrom(bytes, target)).rejects.toMatchObject({ code: 'BUILD_FAILED' });
  });

  test('that is static runs on any target of its machine', async () => {
    for (const target of ['amd64', 'amd64-musl', 'amd64-any']) {
      expect(await buildFrom(STATIC, target)).toMatchObject({ glibcFloor: null });
    }
  });
});

describe('a tree', () => {
  const file = (path: string, bytes: Uint8Array | string, mode = 0o755): TarEntry => ({
    ...{ path, kind: 'file', mode },
    bytes: Buffer.from(bytes),
  });
  const loader = elfFile({});
  const carried = [
    file('lib/ld-linux-x86-64.so.2', loader),
    file('lib/libc.so.6', elfFile({ needed: ['ld-linux-x86-64.so.2'] }), 0o644),
    file('bin/demo', GLIBC),
  ];
  const start = ['lib/ld-linux-x86-64.so.2', '--library-path', 'lib', 'bin/demo'];
  const treeOf = (entries: readonly TarEntry[]) => collect(gzip(writeTar(sortTree(entries))));
  const descriptor = (version: number) =>
    file(
      'toolcrib-artifact.json',
      formatArtifactDescriptor({
        ...{ schema: 'toolcrib.artifact.v1', tool: 'demo', version, target: 'amd64-any' },
        ...{ entrypoint: start, healthcheck: [], glibcFloor: null },
      }),
      0o644,
    );

  test('that carries its loader and libraries runs anywhere', async () => {
    const expected = { glibcFloor: null, mediaType: 'application/gzip' };
    expect(await buildFrom(await treeOf(carried), 'amd64-any', start)).toMatchObject(expected);
    expect(await buildFrom(await treeOf([...carried, descriptor(3)]), 'amd64-any')).toMatchObject(expected);
  });

  test('for glibc tells the highest version that a file of it needs', async () => {
    const newer = elfFile({ needed: ['libc.so.6'], versions: ['GLIBC_2.9', 'GLIBC_2.34'] });
    const tree = await treeOf([file('bin/demo', GLIBC), file('lib/more.so', newer)]);
    expect(await buildFrom(tree, 'amd64', ['bin/demo'])).toMatchObject({ glibcFloor: '2.34' });
  });

  test.each<[string, readonly TarEntry[], RegExp]>([
    [
      'a library is missing',
      carried.filter(({ path }) => path !== 'lib/libc.so.6'),
      /bin\/demo .* libc\.so\.6, which the tree does not carry/,
    ],
    ['a file is for another machine', [...carried, file('lib/x.so', ARM)], /lib\/x\.so .* is for arm64/],
    [
      'a file searches elsewhere',
      [...carried, file('lib/x.so', elfFile({ needed: ['libc.so.6'], runPath: '/opt/lib' }))],
      /searches for libraries in \/opt\/lib/,
    ],
    ['the entry point is missing', carried.slice(1), /entry point .* no executable file/],
    [
      'the entry point cannot be executed',
      [file('lib/ld-linux-x86-64.so.2', loader, 0o644), ...carried.slice(1)],
      /no executable file/,
    ],
    [
      'the entry point is a script',
      [file('lib/ld-linux-x86-64.so.2', '#!/bin/sh\n'), ...carried.slice(2)],
      /needs a loader or an interpreter/,
    ],
    ['its descriptor is of another version', [...carried, descriptor(4)], /speaks of demo v4/],
    [
      'a link leads out',
      [...carried, { path: 'lib/out', kind: 'link', mode: 0o777, linkTarget: '../../etc' }],
      /leads out of the tree/,
    ],
    [
      'a link is absolute',
      [...carried, { path: 'lib/out', kind: 'link', mode: 0o777, linkTarget: '/etc' }],
      /leads out of the tree/,
    ],
  ])('is refused when %s', async (_, entries, message) => {
    const building = buildFrom(await treeOf(entries), 'amd64-any', start);
    await expect(building).rejects.toMatchObject({ code: 'BUILD_FAILED' });
    await expect(building).rejects.toThrow(message);
  });

  test('is refused when it is damaged', async () => {
    const tree = await treeOf(carried);
    await expect(buildFrom(tree.subarray(0, -100), 'amd64-any', start)).rejects.toMatchObject({ code: 'MALFORMED' });
    await expect(buildFrom(Buffer.concat([tree, Buffer.alloc(3)]), 'amd64-any', start)).rejects.toMatchObject({
      code: 'MALFORMED',
    });
  });
});

test('an output directory that cannot be made is named', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(build('true', { outputDirectory: join(folder, 'file/out') })).rejects.toMatchObject({ code: 'STORAGE' });
});

test('what a killed build left is removed by the next one', async () => {
  const dead = `.toolcrib-build-${formatIdentity({ ...ownIdentity(), pid: 4_194_305 })}-abcdef`;
  const alive = `.toolcrib-build-${formatIdentity(ownIdentity())}-abcdef`;
  for (const name of [dead, alive]) await mkdir(join(out, name, 'stage'), { recursive: true });
  await buildFrom(GLIBC, 'amd64');
  expect((await readdir(out)).sort()).toEqual([alive, 'demo-amd64-v3']);
});
