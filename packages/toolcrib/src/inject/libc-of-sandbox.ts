import { posix } from 'node:path';
import { compareVersions } from '../core/elf-versions.ts';
import { ELF_HEAD_BYTES, elfHeadFrom, parseElf } from '../core/elf.ts';
import { IntegrityError } from '../core/errors.ts';
import type { Arch } from '../core/target.ts';
import type { SandboxReader } from '../sandboxes/sandbox.ts';
import { findFile } from './find-file.ts';
import { readSmallFile } from './small-file.ts';

/** The glibc that programs of a sandbox use. */
export interface SandboxGlibc {
  /** Path of the sandbox. */
  readonly path: string;
  /** `x.y`; undefined when the file does not tell. */
  readonly version: string | undefined;
}

/** The names that Debian's multiarch directories have. */
const TRIPLETS = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const satisfies Record<Arch, string>;
/** glibc with all its symbols has 20 MB. In bytes. */
const MAX_LIBC_BYTES = 32 * 1024 * 1024;
const BANNER = 'GNU C Library';

/** Where the loaders of distributions look for libraries, without being told. */
export function glibcDirectories(arch: Arch): readonly string[] {
  const triplet = TRIPLETS[arch];
  return [`/lib/${triplet}`, `/usr/lib/${triplet}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib'];
}

/** Whether a loader is musl's. */
export function isMusl(loader: string): boolean {
  return posix.basename(loader).startsWith('ld-musl-');
}

/**
 * Finds the glibc of a sandbox by its files; nothing is executed. A sandbox that lies about it keeps out nobody but its
 * own tools.
 * @param directories where to look, in this order; that for another machine is passed over.
 * @returns undefined when there is none.
 * @throws as `Sandbox.stat` and `Sandbox.readTar`.
 */
export async function findGlibc(
  sandbox: SandboxReader,
  arch: Arch,
  directories: readonly string[],
): Promise<SandboxGlibc | undefined> {
  for (const directory of directories) {
    const path = posix.join(directory, 'libc.so.6');
    const file = await findFile(sandbox, path);
    if (file === undefined) continue;
    const isWhole = file.size <= MAX_LIBC_BYTES;
    const bytes = await readSmallFile(sandbox, file.path, isWhole ? MAX_LIBC_BYTES : ELF_HEAD_BYTES);
    if (bytes === undefined || elfHeadFrom(bytes)?.machine !== arch) continue;
    return { path, version: isWhole ? glibcVersionIn(bytes) : undefined };
  }
  return undefined;
}

/**
 * Which glibc a `libc.so.6` is: by what it says when it is run as a program, and by the symbols that it defines, which
 * end with the last release that added some. Where both are there, the higher one counts, so that nobody is kept out by
 * a banner of old.
 */
export function glibcVersionIn(bytes: Buffer): string | undefined {
  const told = [bannerVersion(bytes), definedVersion(bytes)].filter((version) => version !== undefined);
  return told.sort(compareVersions).at(-1);
}

function bannerVersion(bytes: Buffer): string | undefined {
  const at = bytes.indexOf(BANNER);
  if (at < 0) return undefined;
  return /\brelease version (\d{1,4}\.\d{1,4})\b/.exec(bytes.toString('latin1', at, at + 200))?.[1];
}

function definedVersion(bytes: Buffer): string | undefined {
  try {
    return parseElf((offset, length) => bytes.subarray(offset, offset + length)).glibcDefined;
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
}
