import {
  fromRandomAccessReaderPromise,
  getFileNameLowLevel,
  RandomAccessReader,
  type Entry,
  type LocalFileHeader,
} from 'yauzl';
import { quoted } from '../../core/printable.ts';
import { faultOfEntryName } from './entry-name.ts';
import type { PackLimits } from './limits.ts';
import { faultOfLocalHeader, MAX_DESCRIPTOR } from './local-header.ts';
import type { PackBytes } from './pack-bytes.ts';
import type { PackRefusal } from './pack-refusal.ts';
import { readZipEnd } from './zip-end.ts';

/** A file or directory of a pack, as both of its headers tell it. */
export interface ZipEntry {
  /** That of a directory ends with a slash. */
  readonly name: string;
  readonly isDeflated: boolean;
  /** Unpacked, in bytes. */
  readonly size: number;
  readonly crc32: number;
  /** Of the bytes as they are packed. */
  readonly data: { readonly offset: number; readonly size: number };
}

interface Named {
  readonly name: string;
  readonly entry: Entry;
}

/** What must hold of every entry before its local header is looked at. */
type Rule = (named: Named) => string | undefined;

const [STORED, DEFLATED] = [0, 8];
const ENCRYPTED = 0x2041;
const PATCHED = 0x20;
/** One byte of deflate stands for no more than this many: the longest match (258) at the fewest bits (2). */
const MAX_EXPANSION = 1032;
/** What Unix calls the type of a file, in the upper half of the attributes; 0 where nobody said it. */
const [KIND_MASK, PLAIN_KINDS] = [0o170000, [0, 0o100000, 0o040000]];
/** Unix and Darwin (APPNOTE 4.4.2.2). */
const UNIX_HOSTS = [3, 19];
const LINK = 0o120000;
const ZIP64_FIELD = 1;
const CENTRAL_HEADER_SIZE = 46;

/**
 * Reads the directory of a ZIP and compares it with every local header. The entries stand side by side from the first byte
 * to the directory: none overlaps another, and nothing hides between them.
 * @returns entries by name, in the order of their bytes.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`; as `PackBytes.read`; what yauzl throws about malformed bytes.
 */
export async function readZipEntries(
  bytes: PackBytes,
  limits: PackLimits,
  refusal: PackRefusal,
): Promise<ReadonlyMap<string, ZipEntry>> {
  const { directory } = await readZipEnd(bytes, limits, refusal);
  const zip = await fromRandomAccessReaderPromise(new Reader(bytes), bytes.size, OPTIONS);
  const listed: Named[] = [];
  for await (const entry of zip.eachEntry()) listed.push({ name: nameOf(entry, refusal), entry });
  verifyListing(listed, directory.size, limits, refusal);

  listed.sort((a, b) => a.entry.relativeOffsetOfLocalHeader - b.entry.relativeOffsetOfLocalHeader);
  const entries = new Map<string, ZipEntry>();
  for (const [index, { name, entry }] of listed.entries()) {
    const local = await zip.readLocalFileHeaderPromise(entry);
    const next = listed[index + 1]?.entry.relativeOffsetOfLocalHeader ?? directory.offset;
    const fault = await faultOfPlace(bytes, entry, local, next);
    if (fault !== undefined) throw refusal.malformed(`its entry ${quoted(name)} ${fault}`);
    entries.set(name, entryFrom(name, entry, local));
  }
  const start = listed[0]?.entry.relativeOffsetOfLocalHeader ?? directory.offset;
  if (start !== 0) throw refusal.malformed('bytes stand before its first entry');
  return entries;
}

/** Names and sizes are judged here, in words of this program. */
const OPTIONS = { autoClose: false, lazyEntries: true, decodeStrings: false, validateEntrySizes: false };

/** Two names for one entry (Info-ZIP's field 0x7075) are one too many: not every reader knows of the second. */
function nameOf(entry: Entry, refusal: PackRefusal): string {
  const { generalPurposeBitFlag: flags, fileNameRaw, extraFields } = entry;
  const name = getFileNameLowLevel(flags, fileNameRaw, [], true);
  if (getFileNameLowLevel(flags, fileNameRaw, extraFields, true) === name) return name;
  throw refusal.malformed(`its entry ${quoted(name)} has a second name`);
}

function verifyListing(
  listed: readonly Named[],
  directorySize: number,
  limits: PackLimits,
  refusal: PackRefusal,
): void {
  const names = new Set<string>();
  const rules: readonly Rule[] = [
    ({ name }) => faultOfEntryName(name),
    ({ name }) => (names.has(name) ? 'is there twice' : undefined),
    faultOfKind,
    faultOfCoding,
    faultOfFields,
  ];
  let total = 0;
  for (const named of listed) {
    const { name, entry } = named;
    const fault = rules.map((rule) => rule(named)).find((each) => each !== undefined);
    if (fault !== undefined) throw refusal.malformed(`its entry ${quoted(name)} ${fault}`);
    const size = entry.uncompressedSize;
    if (size > limits.maxEntryBytes) {
      throw refusal.tooLarge(`an entry ${quoted(name)} of ${size} bytes`, limits.maxEntryBytes);
    }
    total += size;
    names.add(name);
  }
  const both = fileWithEntries(names);
  if (both !== undefined) throw refusal.malformed(`its entry ${quoted(both)} is a file and a directory`);
  if (total > limits.maxTotalBytes) throw refusal.tooLarge(`entries of ${total} bytes`, limits.maxTotalBytes);
  const headers = listed.reduce((sum, { entry }) => sum + headerSize(entry), 0);
  if (headers !== directorySize) throw refusal.malformed('its central directory has another size than it says');
}

/** Of two, readers take different ones. */
function faultOfFields({ entry }: Named): string | undefined {
  const large = entry.extraFields.filter(({ id }) => id === ZIP64_FIELD);
  return large.length > 1 ? 'has two ZIP64 fields' : undefined;
}

/**
 * A file below which another entry stands: nobody can unpack both. With a separator that sorts before all else, what stands
 * below a file follows it at once.
 */
function fileWithEntries(names: Iterable<string>): string | undefined {
  const sorted = Array.from(names, (name) => name.replaceAll('/', '\0')).sort();
  const found = sorted.find((name, index) => !name.endsWith('\0') && sorted[index + 1]?.startsWith(`${name}\0`));
  return found?.replaceAll('\0', '/');
}

function headerSize({ fileNameLength, extraFieldLength, fileCommentLength }: Entry): number {
  return CENTRAL_HEADER_SIZE + fileNameLength + extraFieldLength + fileCommentLength;
}

function faultOfKind({ name, entry }: Named): string | undefined {
  const kind = (entry.externalFileAttributes >>> 16) & KIND_MASK;
  const isUnix = UNIX_HOSTS.includes(entry.versionMadeBy >> 8);
  // Some unpack a link whatever made it; other kinds are the host's own.
  if (isUnix ? !PLAIN_KINDS.includes(kind) : kind === LINK) return 'is a link or a special file';
  return name.endsWith('/') && entry.uncompressedSize > 0 ? 'is a directory with content' : undefined;
}

function faultOfCoding({ entry }: Named): string | undefined {
  const { generalPurposeBitFlag: flags, compressionMethod: method, compressedSize, uncompressedSize } = entry;
  if ((flags & ENCRYPTED) !== 0) return 'is encrypted';
  if ((flags & PATCHED) !== 0) return 'is a patch of another file';
  if (method !== STORED && method !== DEFLATED) return `is compressed by method ${method}, which is not supported`;
  if (method === STORED && compressedSize !== uncompressedSize) return 'is stored in another size than it has';
  return uncompressedSize > compressedSize * MAX_EXPANSION ? 'claims to be larger than its bytes could be' : undefined;
}

async function faultOfPlace(
  bytes: PackBytes,
  entry: Entry,
  local: LocalFileHeader,
  next: number,
): Promise<string | undefined> {
  const end = local.fileDataStart + entry.compressedSize;
  if (end > next) return 'overlaps what follows it';
  if (next - end > MAX_DESCRIPTOR) return 'is followed by bytes that belong to no entry';
  return faultOfLocalHeader(entry, local, await bytes.read(end, next - end));
}

function entryFrom(name: string, entry: Entry, { fileDataStart }: LocalFileHeader): ZipEntry {
  return {
    name,
    isDeflated: entry.compressionMethod === DEFLATED,
    size: entry.uncompressedSize,
    crc32: entry.crc32,
    data: { offset: fileDataStart, size: entry.compressedSize },
  };
}

/** Hands yauzl what it asks for. It never closes what was opened elsewhere. */
class Reader extends RandomAccessReader {
  readonly #bytes: PackBytes;

  constructor(bytes: PackBytes) {
    super();
    this.#bytes = bytes;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#bytes.read(position, length).then(
      (read) => {
        read.copy(buffer, offset);
        callback(null);
      },
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error))),
    );
  }
}
