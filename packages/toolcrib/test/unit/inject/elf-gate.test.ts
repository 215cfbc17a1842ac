import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { parseTarget } from '../../../src/core/target.ts';
import type { InjectableArtifact } from '../../../src/inject/artifact.ts';
import { detectSandbox } from '../../../src/inject/detect-sandbox.ts';
import { judgeArtifact, verifyNeeds } from '../../../src/inject/elf-gate.ts';
import { glibcVersionIn } from '../../../src/inject/libc-of-sandbox.ts';
import { openLocalSandbox } from '../../../src/sandboxes/local/local-sandbox.ts';
import type { Sandbox, SandboxMount } from '../../../src/sandboxes/sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import { elfFile, type ElfContent } from './elf-file.ts';

const GLIBC_LOADER = '/lib64/ld-linux-x86-64.so.2';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';
const GLIBC_TOOL: ElfContent = {
  interpreter: GLIBC_LOADER,
  needed: ['libc.so.6'],
  needs: ['GLIBC_2.2.5', 'GLIBC_2.34'],
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'gate-'));
});
afterEach(async () => {
  await rm(root, { recursive: true });
});

async function put(path: string, bytes: string | Uint8Array): Promise<void> {
  await mkdir(join(root, dirname(path)), { recursive: true });
  await writeFile(join(root, path), bytes);
}

/** A libc as its builders sign it, that defines symbols up to a version. */
const libc = (banner: string, ...defines: readonly string[]): Buffer => elfFile({ defines, text: banner });
const DEBIAN_11 = libc(
  '\0GNU C Library (Debian GLIBC 2.31-13+deb11u11) stable release version 2.31.\nCopyright',
  'GLIBC_2.30',
);

async function putGlibc(bytes: Uint8Array = DEBIAN_11): Promise<void> {
  await put(GLIBC_LOADER, elfFile({}));
  await put('/lib/x86_64-linux-gnu/libc.so.6', bytes);
}

/** The files below `root`, of which programs see nothing else. */
async function sandboxOf(mounts: readonly SandboxMount[] = []): Promise<Sandbox> {
  const local = await openLocalSandbox(root, { env: {} });
  return { ...local, programPath: (path) => path, identity: { ...local.identity, mounts } };
}

async function artifactOf(program: ElfContent | Buffer, carried: readonly string[] = []): Promise<InjectableArtifact> {
  const bytes = Buffer.isBuffer(program) ? program : elfFile(program);
  const names = ['bin/tool', ...carried.map((name) => `lib/${name}`)];
  const entries = names.map((path) => ({ path, kind: 'file' as const, mode: 0o755, bytes }));
  const pieces: Uint8Array[] = [];
  for await (const piece of writeTar([{ path: 'bin', kind: 'directory', mode: 0o755 }, ...entries])) pieces.push(piece);
  const tar = Buffer.concat(pieces);
  return {
    tool: 'tool',
    version: 3,
    target: parseTarget('amd64'),
    digest: digestOf(tar),
    descriptor: { entrypoint: ['bin/tool'], healthcheck: [] },
    tar: {
      size: tar.byteLength,
      digest: digestOf(tar),
      files: names.map((path) => ({ path, mode: 0o755, size: bytes.byteLength, digest: digestOf(bytes) })),
      open: () => {
        throw new Error('the gate sends nothing');
      },
      readAt: (offset, length) => Promise.resolve(tar.subarray(offset, offset + length)),
    },
  };
}

async function missing(program: ElfContent | Buffer, carried: readonly string[] = []): Promise<readonly string[]> {
  return (await judgeArtifact(await sandboxOf(), await artifactOf(program, carried))).missing;
}

describe('the gate before an injection', () => {
  test('lets through what finds all that it needs', async () => {
    await putGlibc(libc('GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.', 'GLIBC_2.36'));
    expect(await missing(GLIBC_TOOL)).toEqual([]);
    expect((await judgeArtifact(await sandboxOf(), await artifactOf(GLIBC_TOOL))).reason).toBe(
      'bin/tool needs /lib64/ld-linux-x86-64.so.2, GLIBC_2.34, libc.so.6',
    );
  });

  test('lets through what needs just the glibc that is there', async () => {
    await putGlibc();
    expect(await missing({ ...GLIBC_TOOL, needs: ['GLIBC_2.31'] })).toEqual([]);
  });

  test('says which glibc is needed and which one is there, and which target would work', async () => {
    await putGlibc();
    const verifying = verifyNeeds(await sandboxOf(), await artifactOf(GLIBC_TOOL));
    await expect(verifying).rejects.toMatchObject({
      name: 'SandboxError',
      code: 'NO_TARGET_FITS',
      message: `tool v3 for amd64 cannot start in local:${root}: it needs GLIBC_2.34, /lib/x86_64-linux-gnu/libc.so.6 there is 2.31`,
      hint: expect.stringContaining('amd64-any') as string,
      details: { target: 'amd64', missing: ['it needs GLIBC_2.34, /lib/x86_64-linux-gnu/libc.so.6 there is 2.31'] },
    });
  });

  test('needs nothing for a program without a loader, whatever is there', async () => {
    expect(await missing({})).toEqual([]);
    await putGlibc(Buffer.from('garbage'));
    expect(await missing({})).toEqual([]);
  });

  test('says when the loader is missing', async () => {
    expect(await missing(GLIBC_TOOL)).toEqual([`the loader ${GLIBC_LOADER} is not there`]);
    await putGlibc();
    expect(await missing({ interpreter: MUSL_LOADER })).toEqual([`the loader ${MUSL_LOADER} is not there`]);
  });

  test('says when the program is for another machine', async () => {
    expect(await missing({ machine: 183 })).toEqual(['bin/tool is for arm64, not for amd64']);
    expect(await missing({ machine: 243 })).toEqual(['bin/tool is for another machine, not for amd64']);
  });

  test('names libraries that neither the directories of the loader nor its cache have', async () => {
    await putGlibc();
    const needed = ['libc.so.6', 'libhere.so.1', 'liblisted.so.1', 'libgone.so.1', 'ld-linux-x86-64.so.2'];
    await put('/usr/lib/x86_64-linux-gnu/libhere.so.1', '');
    await put('/etc/ld.so.cache', 'glibc-ld.so.cache1.1\0/opt/x/liblisted.so.1\0libgone.so.10\0');
    expect(await missing({ interpreter: GLIBC_LOADER, needed })).toEqual(['the library libgone.so.1 is not there']);
  });

  test('looks for libraries where the program says, and takes what the tree carries', async () => {
    await putGlibc();
    await put('/opt/x/libhere.so.1', '');
    const needed = ['libhere.so.1', 'libcarried.so.1'];
    const program = { interpreter: GLIBC_LOADER, needed, runpath: '$ORIGIN/../lib:/opt/x' };
    expect(await missing(program, ['libcarried.so.1'])).toEqual([]);
    expect(await missing(program)).toEqual(['the library libcarried.so.1 is not there']);
    expect(await missing({ ...program, runpath: '/opt/$LIB' })).toEqual([]);
    expect(await missing({ ...program, runpath: '/opt/x' }, ['libcarried.so.1'])).toEqual([
      'the library libcarried.so.1 is not there',
    ]);
  });

  test('knows what musl brings itself, and where it looks for the rest', async () => {
    await put(MUSL_LOADER, elfFile({}));
    await put('/usr/lib/libstdc++.so.6', '');
    const needed = ['libc.musl-x86_64.so.1', 'libpthread.so.0', 'libstdc++.so.6', 'libgcc_s.so.1'];
    const program = { interpreter: MUSL_LOADER, needed };
    expect(await missing(program)).toEqual(['the library libgcc_s.so.1 is not there']);
    await put('/etc/ld-musl-x86_64.path', '/opt/lib');
    expect(await missing(program)).toEqual([]);
  });

  test('does not judge what it cannot see: below a tmpfs, on this machine, in a libc that is elsewhere', async () => {
    const artifact = await artifactOf(GLIBC_TOOL);
    const tmpfs = { path: '/lib64', kind: 'tmpfs', writable: true, executable: true } as const;
    expect((await judgeArtifact(await sandboxOf([tmpfs]), artifact)).missing).toEqual([]);
    expect((await judgeArtifact(await openLocalSandbox(root, { env: {} }), artifact)).missing).toEqual([]);
    await put(GLIBC_LOADER, elfFile({}));
    expect(await missing({ ...GLIBC_TOOL, needed: ['libc.so.6', 'libgone.so.1'] })).toEqual([]);
  });

  test('does not judge an entry point that is a script', async () => {
    expect(await judgeArtifact(await sandboxOf(), await artifactOf(Buffer.from('#!/bin/sh\n')))).toEqual({
      missing: [],
      reason: 'its entry point is no ELF file of the tree: nothing was compared',
    });
  });

  test('follows links as paths of the sandbox', async () => {
    await put('/usr/lib/real/libc-2.31.so', DEBIAN_11);
    await put('/usr/lib/real/ld-2.31.so', elfFile({}));
    await mkdir(join(root, 'lib64'));
    await symlink('/usr/lib/real/ld-2.31.so', join(root, GLIBC_LOADER));
    await symlink('../usr/lib/real/libc-2.31.so', join(root, 'lib64/libc.so.6'));
    expect(await missing(GLIBC_TOOL)).toEqual(['it needs GLIBC_2.34, /lib64/libc.so.6 there is 2.31']);
  });

  test('does not judge what a sandbox does not look at: what lies behind a link to a directory', async () => {
    await mkdir(join(root, 'usr/lib64'), { recursive: true });
    await symlink('usr/lib64', join(root, 'lib64'));
    expect(await missing(GLIBC_TOOL)).toEqual([]);
  });

  test('passes over a libc for another machine', async () => {
    await putGlibc();
    await put('/lib64/libc.so.6', elfFile({ machine: 183, text: 'GNU C Library stable release version 2.5.' }));
    expect(await missing(GLIBC_TOOL)).toEqual(['it needs GLIBC_2.34, /lib/x86_64-linux-gnu/libc.so.6 there is 2.31']);
  });
});

describe('a hostile libc', () => {
  test.each(['garbage', '\x7fELF', '', 'GNU C Library release version 1.0'])('of %j keeps nobody out', async (text) => {
    await putGlibc(Buffer.from(text, 'latin1'));
    expect(await missing(GLIBC_TOOL)).toEqual([]);
  });

  test('that is a pipe, a directory, or links in a circle is not read', async () => {
    await put(GLIBC_LOADER, elfFile({}));
    await mkdir(join(root, 'usr/lib64/libc.so.6'), { recursive: true });
    await mkdir(join(root, 'lib/x86_64-linux-gnu'), { recursive: true });
    execFileSync('mkfifo', [join(root, 'lib/x86_64-linux-gnu/libc.so.6')]);
    await symlink('other.so', join(root, 'lib64/libc.so.6'));
    await symlink('libc.so.6', join(root, 'lib64/other.so'));
    expect(await missing(GLIBC_TOOL)).toEqual([]);
  });

  test.each([1024 ** 3, 1024 ** 4])('of %d bytes is not read to its end', async (size) => {
    await putGlibc(DEBIAN_11);
    await truncate(join(root, 'lib/x86_64-linux-gnu/libc.so.6'), size);
    expect(await missing(GLIBC_TOOL)).toEqual([]);
  });

  test('that changes while it is read never breaks the reader', () => {
    const whole = libc('GNU C Library (X) stable release version 2.31.', 'GLIBC_2.2.5', 'GLIBC_2.31');
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255))),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          expect(glibcVersionIn(bytes.subarray(0, length)) ?? '2.31').toMatch(/^\d+(?:\.\d+)+$/);
        },
      ),
    );
  });
});

describe('the glibc of a file', () => {
  test.each([
    ['by its banner, which knows releases without new symbols', DEBIAN_11, '2.31'],
    ['by its symbols, when it has no banner', libc('', 'libc.so.6', 'GLIBC_2.2.5', 'GLIBC_2.17', 'GLIBC_2.9'), '2.17'],
    ['of a development release', libc('GNU C Library (GNU libc) development release version 2.40.9000.\n'), '2.40'],
    ['of an old fork', libc('GNU C Library (Ubuntu EGLIBC 2.19-0ubuntu6) stable release version 2.19, by'), '2.19'],
  ])('is told %s', (_, bytes, version) => {
    expect(glibcVersionIn(bytes)).toBe(version);
  });
});

test('a sandbox whose loaders are links in a circle is one without a loader', async () => {
  await mkdir(join(root, 'lib'));
  await symlink('ld-musl-x86_64.so.1', join(root, MUSL_LOADER));
  expect((await detectSandbox(await sandboxOf())).libc).toBe('none');
});
