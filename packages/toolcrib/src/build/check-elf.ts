import { compareVersions } from '../core/elf-versions.ts';
import type { Elf } from '../core/elf.ts';
import { CheckError } from '../core/errors.ts';
import { formatTarget, type Target } from '../core/target.ts';

/**
 * Demands that an executable runs on a target as it stands, without a tree around it.
 * @returns the highest glibc version that it needs of the sandbox; null when it needs none.
 * @throws CheckError `BUILD_FAILED` telling what it is and what it should be.
 */
export function verifyElf(name: string, elf: Elf, target: Target): string | null {
  verifyMachine(name, elf, target);
  if (target.libc === 'any' && !elf.static) {
    throw mismatch(
      name,
      target,
      `needs ${needs(elf)} of the sandbox`,
      'link it statically, or make a tree that carries them',
    );
  }
  if (target.libc === 'musl' && elf.glibcFloor !== undefined) {
    throw mismatch(name, target, `needs glibc ${elf.glibcFloor}`, 'link it with musl');
  }
  if (target.libc === 'glibc' && isMusl(elf)) throw mismatch(name, target, 'needs musl', 'link it with glibc');
  return elf.glibcFloor ?? null;
}

/** Demands that a file of a tree is for the target's machine. */
function verifyMachine(name: string, elf: Elf, target: Target): void {
  if (elf.machine === target.arch) return;
  const actual = elf.machine ?? `${elf.class}-bit ${elf.endian}-endian machine ${elf.rawMachine}`;
  throw mismatch(name, target, `is for ${actual}`, `build it for ${target.arch}`);
}

/** One ELF file of a tree. */
export interface TreeElf {
  readonly path: string;
  readonly elf: Elf;
}

/**
 * Demands that the executables of a tree run on a target: one for `any` has all libraries in the tree itself.
 * @returns as {@link verifyElf}.
 * @throws CheckError `BUILD_FAILED` naming the file.
 */
export function verifyTreeElfs(name: string, elfs: readonly TreeElf[], target: Target): string | null {
  const carried = new Set(elfs.map(({ path }) => path.slice(path.lastIndexOf('/') + 1)));
  for (const { path, elf } of elfs) {
    const where = `${name}: ${path}`;
    verifyMachine(where, elf, target);
    if (target.libc === 'any') verifySelfContained(where, elf, target, carried);
    else verifyElf(where, elf, target);
  }
  return target.libc === 'any' ? null : highest(elfs.flatMap(({ elf }) => elf.glibcFloor ?? []));
}

function verifySelfContained(where: string, elf: Elf, target: Target, carried: ReadonlySet<string>): void {
  const missing = elf.needed.filter((library) => !carried.has(library));
  if (missing.length > 0) {
    throw mismatch(where, target, `needs ${missing.join(', ')}, which the tree does not carry`, 'put it into the tree');
  }
  const outside = elf.searchPaths.filter((path) => !path.startsWith('$ORIGIN') && path !== '');
  if (outside.length > 0) {
    throw mismatch(where, target, `searches for libraries in ${outside.join(', ')}`, 'link it without a run path');
  }
}

function highest(versions: readonly string[]): string | null {
  return [...versions].sort(compareVersions).at(-1) ?? null;
}

function isMusl(elf: Elf): boolean {
  return [elf.interpreter ?? '', ...elf.needed].some((name) => /(?:^|\/)(?:ld-musl-|libc\.musl-)/.test(name));
}

function needs(elf: Elf): string {
  return [elf.interpreter, ...elf.needed].filter((name) => name !== undefined).join(', ');
}

function mismatch(name: string, target: Target, what: string, hint: string): CheckError {
  return new CheckError('BUILD_FAILED', `${name} is no artifact for ${formatTarget(target)}: it ${what}`, {
    hint,
    details: { target: formatTarget(target) },
  });
}
