import { IntegrityError } from '../core/errors.ts';
import type { Arch } from '../core/target.ts';

/**
 * glibc's loader and library, changed so that they take no code from the sandbox. Lengths and addresses stay as they
 * are: only strings are replaced, by shorter ones.
 */

/** A NUL-terminated string of the file that becomes another one. */
interface Replacement {
  /** Strings that stand one after the other. */
  readonly find: readonly string[];
  readonly by: string;
  /** How often they stand in the file, exactly. */
  readonly times: number;
  /** For the statement of changes that the license asks for. */
  readonly why: string;
}

/** Debian's name of an architecture in paths. */
export const TRIPLETS: Readonly<Record<Arch, string>> = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** File names of the loaders. */
export const LOADERS: Readonly<Record<Arch, string>> = {
  amd64: 'ld-linux-x86-64.so.2',
  arm64: 'ld-linux-aarch64.so.1',
};

function replacementsFor(file: string, arch: Arch): readonly Replacement[] {
  const triplet = TRIPLETS[arch];
  if (file === LOADERS[arch]) {
    return [
      { find: ['/etc/ld.so.preload'], by: '', times: 1, why: 'no library of the sandbox is preloaded' },
      { find: ['/etc/ld.so.cache'], by: '', times: 1, why: 'no library is looked up in the cache of the sandbox' },
      {
        // The loader demands an absolute directory, and appends a library's name after the NUL: it opens "/", which is
        // a directory whatever the sandbox did, and gives the search up. The second copy is for its --help.
        find: [`/lib/${triplet}/`, `/usr/lib/${triplet}/`, '/lib/', '/usr/lib/'],
        by: '/',
        times: 2,
        why: 'no library is searched for in the system directories of the sandbox',
      },
    ];
  }
  if (file !== 'libc.so.6') return [];
  return [
    { find: ['libnss_%s.so%s'], by: '', times: 1, why: 'no name service module of the sandbox is loaded' },
    { find: [`/usr/lib/${triplet}/gconv`], by: '/dev/null', times: 1, why: 'no character set module is loaded' },
    {
      find: [`/usr/lib/${triplet}/gconv/gconv-modules.cache`],
      by: '',
      times: 1,
      why: 'no list of character set modules is read',
    },
  ];
}

/**
 * Seals a file of glibc; other libraries stay as they are.
 * @param file its name, e.g. `libc.so.6`.
 * @throws IntegrityError `MALFORMED` when the file is not the one that is known here.
 */
export function sealLibrary(file: string, arch: Arch, bytes: Uint8Array): Uint8Array {
  return replacementsFor(file, arch).reduce<Uint8Array>(
    (sealed, replacement) => applyReplacement(file, sealed, replacement),
    bytes,
  );
}

/** What {@link sealLibrary} changes in a file, a sentence each; empty for files that stay as they are. */
export function changesTo(file: string, arch: Arch): readonly string[] {
  return replacementsFor(file, arch).map(
    ({ find, by, why }) =>
      `${find.map((text) => JSON.stringify(text)).join(', ')} became ${JSON.stringify(by)}: ${why}`,
  );
}

function applyReplacement(file: string, bytes: Uint8Array, { find, by, times }: Replacement): Uint8Array {
  const pattern = Buffer.from(find.map((text) => `${text}\0`).join(''));
  const replaced = Buffer.concat(find.map((text) => Buffer.from(by.padEnd(text.length + 1, '\0'))));
  const sealed = Buffer.from(bytes);
  let found = 0;
  for (let at = sealed.indexOf(pattern); at >= 0; at = sealed.indexOf(pattern, at + pattern.length)) {
    replaced.copy(sealed, at);
    found += 1;
  }
  if (found === times) return sealed;
  throw new IntegrityError('MALFORMED', `${file} has ${JSON.stringify(find[0])} ${found} times, expected ${times}`, {
    hint: 'this glibc cannot be sealed: pin the version of Debian that toolcrib was made with',
  });
}
