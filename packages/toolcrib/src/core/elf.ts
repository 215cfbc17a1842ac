import { bytesAt, malformed, textAt, wholeNumber, type ReadAt } from './elf-bytes.ts';
import { definedVersions, highestGlibc, neededVersions, type ListReader } from './elf-versions.ts';
import { IntegrityError } from './errors.ts';
import type { Arch } from './target.ts';

/** What an ELF file says about itself. Sources: System V ABI, chapter 4 and 5; LSB 5.0 Core, "Symbol Versioning". */
export interface Elf {
  /** Undefined for a machine that is no target of ours; `rawMachine` has its number then. */
  readonly machine: Arch | undefined;
  /** `e_machine`, e.g. 62 for x86-64. */
  readonly rawMachine: number;
  /** 64-bit little-endian files alone are read further: of others the fields below are empty. */
  readonly class: 32 | 64;
  readonly endian: 'little' | 'big';
  /** A position-independent executable is `shared`. */
  readonly type: 'executable' | 'shared' | 'other';
  /** The loader that the kernel starts for it. */
  readonly interpreter: string | undefined;
  /** Libraries it cannot start without, as it names them. */
  readonly needed: readonly string[];
  /** Its own ideas of where libraries are (RPATH and RUNPATH, split at colons). */
  readonly searchPaths: readonly string[];
  /** Highest version `x.y` of glibc that its symbols need; undefined when none does. */
  readonly glibcFloor: string | undefined;
  /** Highest version `x.y` of glibc that it defines symbols for, as the libraries of glibc do; else undefined. */
  readonly glibcDefined: string | undefined;
  /** It has neither a loader nor needed libraries. */
  readonly static: boolean;
}

/** What the start of an ELF file says. */
export interface ElfHead {
  /** Undefined for a machine that is no target of ours. */
  readonly machine: Arch | undefined;
  /** Undefined also when it is named further on. */
  readonly interpreter: string | undefined;
}

/** Bytes of a file that {@link elfHeadFrom} looks at. */
export const ELF_HEAD_BYTES = 8192;

const MACHINES: ReadonlyMap<number, Arch> = new Map([
  [62, 'amd64'],
  [183, 'arm64'],
]);
const MAGIC = 0x7f454c46;
const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const DYNAMIC_BYTES = 16;

/** More than any linker writes: who exceeds these is not an executable but an attempt. */
const MAX_PROGRAM_HEADERS = 256;
const MAX_DYNAMIC_ENTRIES = 4096;
const MAX_NEEDED = 256;
const MAX_STRING_BYTES = 4096;

const SEGMENT = { load: 1, dynamic: 2, interpreter: 3 } as const;
const TAG = {
  needed: 1n,
  strings: 5n,
  rpath: 15n,
  runpath: 29n,
  defined: 0x6ffffffcn,
  definedCount: 0x6ffffffdn,
  versions: 0x6ffffffen,
  versionCount: 0x6fffffffn,
};

/**
 * Reads an ELF file through its program headers, so that one without section headers is read too.
 * @throws IntegrityError `MALFORMED` for whatever is not a whole, sane ELF file.
 */
export function parseElf(read: ReadAt): Elf {
  const ident = bytesAt(read, 0, 20);
  if (ident.getUint32(0) !== MAGIC) throw malformed('it does not start with the magic number');
  const bits = pick(ident.getUint8(4), { 1: 32, 2: 64 } as const, 'class');
  const endian = pick(ident.getUint8(5), { 1: 'little', 2: 'big' } as const, 'byte order');
  const rawMachine = ident.getUint16(18, endian === 'little');
  const rawType = ident.getUint16(16, endian === 'little');
  const type = rawType === 2 ? 'executable' : rawType === 3 ? 'shared' : 'other';
  const readable = bits === 64 && endian === 'little';
  const machine = readable ? MACHINES.get(rawMachine) : undefined;
  const linking = readable ? linkingOf(read) : NO_LINKING;
  const isStatic = readable && linking.interpreter === undefined && linking.needed.length === 0;
  return { machine, rawMachine, class: bits, endian, type, ...linking, static: isStatic };
}

/**
 * Reads what can be told from the first bytes of a 64-bit little-endian file.
 * @param head at most {@link ELF_HEAD_BYTES} of a file count.
 * @returns undefined when it is no such file.
 */
export function elfHeadFrom(head: Uint8Array): ElfHead | undefined {
  const bytes = head.subarray(0, ELF_HEAD_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEADER_BYTES || view.getUint32(0) !== MAGIC || view.getUint16(4) !== 0x0201) return undefined;
  const machine = MACHINES.get(view.getUint16(18, true));
  return { machine, interpreter: interpreterIn((offset, length) => bytes.subarray(offset, offset + length)) };
}

function interpreterIn(read: ReadAt): string | undefined {
  try {
    return interpreterOf(read, segmentsOf(read));
  } catch (error) {
    if (error instanceof IntegrityError) return undefined;
    throw error;
  }
}

type Linking = Pick<Elf, 'interpreter' | 'needed' | 'searchPaths' | 'glibcFloor' | 'glibcDefined'>;

const NO_LINKING: Linking = {
  interpreter: undefined,
  needed: [],
  searchPaths: [],
  glibcFloor: undefined,
  glibcDefined: undefined,
};

function linkingOf(read: ReadAt): Linking {
  const segments = segmentsOf(read);
  const dynamic = segments.find(({ type }) => type === SEGMENT.dynamic);
  return {
    ...NO_LINKING,
    ...(dynamic === undefined ? {} : dynamicLinking(read, segments, dynamic)),
    interpreter: interpreterOf(read, segments),
  };
}

function interpreterOf(read: ReadAt, segments: readonly Segment[]): string | undefined {
  const named = segments.find(({ type }) => type === SEGMENT.interpreter);
  return named && textAt(read, named.offset, Math.min(named.size, MAX_STRING_BYTES));
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  /** In the file. */
  readonly size: number;
}

function segmentsOf(read: ReadAt): readonly Segment[] {
  const header = bytesAt(read, 0, HEADER_BYTES);
  const start = wholeNumber(header.getBigUint64(32, true));
  const [size, count] = [header.getUint16(54, true), header.getUint16(56, true)];
  if (count === 0) return [];
  if (size !== PROGRAM_HEADER_BYTES) throw malformed(`a program header has ${size} bytes`);
  if (count > MAX_PROGRAM_HEADERS) throw malformed(`it has ${count} program headers`);
  const table = bytesAt(read, start, count * PROGRAM_HEADER_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const at = index * PROGRAM_HEADER_BYTES;
    return {
      type: table.getUint32(at, true),
      offset: wholeNumber(table.getBigUint64(at + 8, true)),
      address: wholeNumber(table.getBigUint64(at + 16, true)),
      size: wholeNumber(table.getBigUint64(at + 32, true)),
    };
  });
}

function dynamicLinking(read: ReadAt, segments: readonly Segment[], dynamic: Segment): Omit<Linking, 'interpreter'> {
  const entries = dynamicEntries(read, dynamic);
  const valueOf = (tag: bigint) => entries.find((entry) => entry.tag === tag)?.value;
  const strings = valueOf(TAG.strings);
  if (strings === undefined) return NO_LINKING;
  const base = fileOffset(segments, strings);
  const textOf = (value: bigint) => textAt(read, base + wholeNumber(value), MAX_STRING_BYTES);
  const textsOf = (...tags: bigint[]) =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => textOf(value));
  const needed = entries.filter(({ tag }) => tag === TAG.needed).length;
  if (needed > MAX_NEEDED) throw malformed(`it needs ${needed} libraries`);
  const tableAt = (start: bigint, count: bigint, namesIn: ListReader): string | undefined => {
    const address = valueOf(start);
    if (address === undefined) return undefined;
    const at = fileOffset(segments, address);
    return highestGlibc(namesIn(read, at, wholeNumber(valueOf(count) ?? 0n)).map((name) => textOf(BigInt(name))));
  };
  return {
    needed: textsOf(TAG.needed),
    searchPaths: textsOf(TAG.rpath, TAG.runpath).flatMap((paths) => paths.split(':')),
    glibcFloor: tableAt(TAG.versions, TAG.versionCount, neededVersions),
    glibcDefined: tableAt(TAG.defined, TAG.definedCount, definedVersions),
  };
}

function dynamicEntries(read: ReadAt, { offset, size }: Segment): readonly { tag: bigint; value: bigint }[] {
  const count = Math.floor(size / DYNAMIC_BYTES);
  if (count > MAX_DYNAMIC_ENTRIES) throw malformed(`its dynamic section has ${count} entries`);
  const table = bytesAt(read, offset, count * DYNAMIC_BYTES);
  const entries = Array.from({ length: count }, (_, index) => ({
    tag: table.getBigUint64(index * DYNAMIC_BYTES, true),
    value: table.getBigUint64(index * DYNAMIC_BYTES + 8, true),
  }));
  const end = entries.findIndex(({ tag }) => tag === 0n);
  return end < 0 ? entries : entries.slice(0, end);
}

/** Where in the file the byte is that will stand at an address. */
function fileOffset(segments: readonly Segment[], address: bigint): number {
  const at = wholeNumber(address);
  const segment = segments.find(
    (candidate) =>
      candidate.type === SEGMENT.load && at >= candidate.address && at < candidate.address + candidate.size,
  );
  if (segment === undefined) throw malformed(`nothing is loaded at address 0x${at.toString(16)}`);
  return segment.offset + at - segment.address;
}

function pick<T>(value: number, meanings: Readonly<Record<number, T>>, what: string): T {
  const meaning = meanings[value];
  if (meaning === undefined) throw malformed(`${value} is no ${what}`);
  return meaning;
}
