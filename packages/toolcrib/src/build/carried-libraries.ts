import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { digestOf, verifyExpected } from '../core/digest.ts';
import { parseElf } from '../core/elf.ts';
import { CheckError, messageOf, NotFoundError } from '../core/errors.ts';
import type { Arch } from '../core/target.ts';
import type { TarEntry } from '../tar/write.ts';
import { LGPL_DIGEST, LGPL_FILE, type DebianPin } from './debian-libc.ts';
import { fetchDebianPackage, readDebianPackage } from './debian-package.ts';
import { changesTo, LOADERS, sealLibrary, TRIPLETS } from './sealed-loader.ts';
import type { Toolchain } from './toolchain.ts';

/** What a self-contained artifact carries beside its tool. */
export interface CarriedLibraries {
  /** `lib/…` and `licenses/…`. */
  readonly entries: readonly TarEntry[];
  /** For `sources.json`. */
  readonly source: Readonly<Record<string, unknown>>;
}

const COPYRIGHT = 'usr/share/doc/libc6/copyright';

/**
 * Loader and libraries of glibc that a program needs, sealed against the sandbox, with their licenses.
 * @param needed as the program's ELF file names them.
 * @throws CheckError `BUILD_FAILED` for a library that is not glibc's; as fetching the package.
 */
export async function carriedLibraries(
  toolchain: Toolchain,
  pin: DebianPin,
  arch: Arch,
  needed: readonly string[],
): Promise<CarriedLibraries> {
  const deb = await fetchDebianPackage(toolchain, pin, arch);
  const folders = [`lib/${TRIPLETS[arch]}`, `usr/lib/${TRIPLETS[arch]}`];
  const wanted = (path: string) => folders.includes(posix.dirname(path)) || path === COPYRIGHT;
  const files = await readDebianPackage(toolchain, deb, wanted);
  const libraries = new Map([...files].map(([path, bytes]) => [posix.basename(path), bytes]));
  const names = closureOf([LOADERS[arch], ...needed], libraries);
  const changes = names.flatMap((name) => changesTo(name, arch).map((change) => `${name}: ${change}`));
  const entries: TarEntry[] = names.map((name) => ({
    path: `lib/${name}`,
    kind: 'file',
    mode: name === LOADERS[arch] ? 0o755 : 0o644,
    bytes: sealLibrary(name, arch, libraries.get(name) ?? Buffer.alloc(0)),
  }));
  return {
    entries: [...entries, ...(await licenses(files.get(COPYRIGHT), pin, arch, names, changes))],
    source: {
      name: 'glibc',
      debianPackage: pin.package,
      version: pin.version,
      architecture: arch,
      deb: pin.digest,
      changes,
    },
  };
}

/** The libraries and what they need in turn, sorted. */
function closureOf(roots: readonly string[], libraries: ReadonlyMap<string, Buffer>): readonly string[] {
  const names = new Set<string>();
  const pending = [...roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (names.has(name)) continue;
    const bytes = libraries.get(name);
    if (bytes === undefined) throw notCarried(name);
    names.add(name);
    pending.push(...parseElf((offset, length) => bytes.subarray(offset, offset + length)).needed);
  }
  return [...names].sort();
}

function notCarried(name: string): CheckError {
  return new CheckError('BUILD_FAILED', `the tool needs ${JSON.stringify(name)}, which is no library of glibc`, {
    hint: 'a tool for "any" may need nothing but glibc; build it without that library',
    details: { library: name },
  });
}

async function licenses(
  copyright: Buffer | undefined,
  pin: DebianPin,
  arch: Arch,
  names: readonly string[],
  changes: readonly string[],
): Promise<readonly TarEntry[]> {
  if (copyright === undefined)
    throw new CheckError('BUILD_FAILED', `${pin.package} ${pin.version} has no ${COPYRIGHT}`, {
      hint: 'without its license it cannot be carried: pin a package that has it',
    });
  const file = (name: string, bytes: Uint8Array): TarEntry => ({
    path: `licenses/glibc/${name}`,
    kind: 'file',
    mode: 0o644,
    bytes,
  });
  return [
    file('copyright', copyright),
    file('LGPL-2.1', await licenseText()),
    file('NOTICE', Buffer.from(notice(pin, arch, names, changes))),
  ];
}

async function licenseText(): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readFile(LGPL_FILE);
  } catch (error) {
    throw new NotFoundError('NOT_FOUND', `cannot read the license of glibc: ${messageOf(error)}`, {
      cause: error,
      hint: `${LGPL_FILE} belongs to Debian's package base-files`,
    });
  }
  verifyExpected(LGPL_FILE, { digest: LGPL_DIGEST }, { digest: digestOf(bytes), size: bytes.byteLength });
  return bytes;
}

function notice(pin: DebianPin, arch: Arch, names: readonly string[], changes: readonly string[]): string {
  return `The GNU C Library

The files ${names.map((name) => `lib/${name}`).join(', ')}
are part of the GNU C Library, which is free software under the GNU Lesser General Public License,
version 2.1 or later: see LGPL-2.1 and copyright beside this file. It comes without any warranty.

They come from Debian's package ${pin.package} ${pin.version} (${arch}, ${pin.digest}).
Its complete source is Debian's source package glibc ${pin.version}, which the Debian archive keeps.

They were changed for this artifact, so that they take no code from the system they run on. Strings in them were
replaced by shorter ones, nothing else:

${changes.map((change) => `  ${change}\n`).join('')}
You may replace them by your own build of the library: put it in lib/ under the same names.
`;
}
