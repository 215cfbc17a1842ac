import { bytesAt, malformed, type ReadAt } from './elf-bytes.ts';

/** More than any linker writes. */
const MAX_VERSIONS = 4096;

/** Reads a list of versions that starts at an offset. @returns where their names stand in the table of strings. */
export type ListReader = (read: ReadAt, start: number, entries: number) => readonly number[];

/** All versions that are needed of any library: a list of libraries, each with a list of versions. */
export function neededVersions(read: ReadAt, start: number, libraries: number): readonly number[] {
  const names: number[] = [];
  let at = start;
  for (let library = 0; library < libraries; library++) {
    const need = bytesAt(read, at, 16);
    let aux = at + need.getUint32(8, true);
    for (let version = 0; version < need.getUint16(2, true); version++) {
      if (names.length >= MAX_VERSIONS) throw malformed(`it needs more than ${MAX_VERSIONS} symbol versions`);
      const entry = bytesAt(read, aux, 16);
      names.push(entry.getUint32(8, true));
      aux += entry.getUint32(12, true);
    }
    const next = need.getUint32(12, true);
    if (next === 0) break;
    if (library >= MAX_VERSIONS) throw malformed('its list of needed versions does not end');
    at += next;
  }
  return names;
}

/** All versions that a library defines; the first name of each is its own, the others are its parents'. */
export function definedVersions(read: ReadAt, start: number, versions: number): readonly number[] {
  const names: number[] = [];
  let at = start;
  for (let version = 0; version < versions; version++) {
    if (names.length >= MAX_VERSIONS) throw malformed(`it defines more than ${MAX_VERSIONS} symbol versions`);
    const definition = bytesAt(read, at, 20);
    const aux = bytesAt(read, at + definition.getUint32(12, true), 8);
    names.push(aux.getUint32(0, true));
    const next = definition.getUint32(16, true);
    if (next === 0) break;
    at += next;
  }
  return names;
}

/** The first glibc whose loader knows packed relocations; binaries that have them need this marker instead of a number. */
const MARKERS: ReadonlyMap<string, string> = new Map([['GLIBC_ABI_DT_RELR', '2.36']]);

/** The highest version `x.y` of glibc among names of symbol versions. */
export function highestGlibc(names: readonly string[]): string | undefined {
  const versions = names.flatMap((name) => MARKERS.get(name) ?? /^GLIBC_([0-9]+(?:\.[0-9]+)+)$/.exec(name)?.[1] ?? []);
  return versions.sort(compareVersions).at(-1);
}

/** Orders dotted numbers: 2.9 before 2.17. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
