import { IntegrityError, UsageError } from '../core/errors.ts';
import { BLOCK, formatHeader, MAX_USTAR_SIZE, paddingOf, splitName } from './header.ts';
import { compareCodePoints, parentsOf, unsafePathReason } from './path.ts';
import { formatPaxRecords } from './pax.ts';

export { gzip } from './gzip.ts';

/** What a tar is written from. */
export interface TarEntry {
  /** Relative, components separated by `/`, without one at the end. */
  readonly path: string;
  /** `link` is a symbolic link. */
  readonly kind: 'file' | 'directory' | 'link';
  /** Permission bits, e.g. 0o755. */
  readonly mode: number;
  /** In bytes; needed where `bytes` is a stream. */
  readonly size?: number;
  /** A file's content; absent for an empty one. */
  readonly bytes?: AsyncIterable<Uint8Array> | Uint8Array;
  /** Where a link points to. */
  readonly linkTarget?: string;
  /** Numeric owner, up to 0o7777777; 0 without it. */
  readonly uid?: number;
}

const DIRECTORY_MODE = 0o755;
const ZEROS = new Uint8Array(BLOCK);
// eslint-disable-next-line no-control-regex -- the fields of ustar hold ASCII
const ASCII = /^[\x01-\x7f]*$/;

/**
 * A tar of the entries in their order: ustar, no user names, time 0, a PAX header only where a name or a size
 * does not fit. Same entries, same bytes.
 * @throws UsageError `NAME_INVALID` for an unsafe name; IntegrityError `SIZE_MISMATCH` when a stream does not have the
 * size that was said.
 */
export async function* writeTar(entries: Iterable<TarEntry> | AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const entry of entries) {
    yield* headersOf(entry);
    yield* bodyOf(entry);
  }
  yield new Uint8Array(2 * BLOCK);
}

function* headersOf(entry: TarEntry): Generator<Uint8Array> {
  verifyEntry(entry);
  const name = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const linkName = entry.linkTarget ?? '';
  const size = sizeOf(entry);
  const records: [string, string][] = [];
  if (!ASCII.test(linkName) || linkName.length > 100) records.push(['linkpath', linkName]);
  if (!ASCII.test(name) || splitName(name) === undefined) records.push(['path', name]);
  if (size > MAX_USTAR_SIZE) records.push(['size', String(size)]);
  if (records.length > 0) yield paxHeader(formatPaxRecords(records));
  yield formatHeader({
    name: ascii(name),
    mode: entry.mode & 0o7777,
    size: size > MAX_USTAR_SIZE ? 0 : size,
    type: { file: '0', directory: '5', link: '2' }[entry.kind],
    linkName: ascii(linkName),
    ...(entry.uid !== undefined && { uid: entry.uid }),
  });
}

/** What a reader without PAX would see in place of a name that does not fit. */
function ascii(text: string): string {
  return ASCII.test(text) ? text : text.replace(/[^\x20-\x7e]/gu, '_');
}

function paxHeader(records: Uint8Array): Uint8Array {
  const header = formatHeader({ name: 'PaxHeader', mode: 0o644, size: records.length, type: 'x', linkName: '' });
  return Buffer.concat([header, records, ZEROS.subarray(0, paddingOf(records.length))]);
}

async function* bodyOf(entry: TarEntry): AsyncGenerator<Uint8Array> {
  const size = sizeOf(entry);
  if (entry.bytes === undefined || entry.kind !== 'file') return;
  if (entry.bytes instanceof Uint8Array) {
    if (size > 0) yield entry.bytes;
  } else {
    yield* exactly(entry.path, entry.bytes, size);
  }
  if (paddingOf(size) > 0) yield ZEROS.subarray(0, paddingOf(size));
}

async function* exactly(path: string, bytes: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of bytes) {
    seen += chunk.byteLength;
    if (seen > size) break;
    yield chunk;
  }
  if (seen === size) return;
  const actual = seen > size ? 'more' : `${seen}`;
  throw new IntegrityError('SIZE_MISMATCH', `${path} has ${actual} bytes, expected ${size}`, {
    hint: 'it changed while it was read; try again',
    details: { path, expected: size },
  });
}

function sizeOf(entry: TarEntry): number {
  if (entry.kind !== 'file' || entry.bytes === undefined) return 0;
  if (entry.bytes instanceof Uint8Array) return entry.bytes.byteLength;
  if (entry.size === undefined) throw new TypeError(`the size of ${entry.path} must be known before it is streamed`);
  return entry.size;
}

function verifyEntry(entry: TarEntry): void {
  const reason = unsafePathReason(entry.path);
  if (reason !== undefined) throw unsafe(entry.path, reason);
  if (entry.kind !== 'link') return;
  const target = entry.linkTarget ?? '';
  if (target === '' || target.includes('\0') || !target.isWellFormed()) throw unsafe(entry.path, 'links to no name');
}

/**
 * Entries sorted by code point, with a directory (0755) for every parent that has no entry of its own.
 * @throws UsageError `NAME_INVALID` for an unsafe or repeated name, or one that stands below a file or a link.
 */
export function sortTree(entries: Iterable<TarEntry>): readonly TarEntry[] {
  const tree = new Map<string, TarEntry>();
  for (const entry of entries) {
    verifyEntry(entry);
    if (tree.has(entry.path)) throw unsafe(entry.path, 'is there twice');
    tree.set(entry.path, entry);
  }
  for (const path of [...tree.keys()]) {
    for (const parent of parentsOf(path)) addParent(tree, parent, path);
  }
  return [...tree.values()].sort((a, b) => compareCodePoints(a.path, b.path));
}

function addParent(tree: Map<string, TarEntry>, parent: string, path: string): void {
  const entry = tree.get(parent);
  if (entry === undefined) tree.set(parent, { path: parent, kind: 'directory', mode: DIRECTORY_MODE });
  else if (entry.kind !== 'directory') throw unsafe(path, `stands below ${parent}, which is a ${entry.kind}`);
}

function unsafe(path: string, reason: string): UsageError {
  return new UsageError('NAME_INVALID', `the name ${JSON.stringify(path.slice(0, 300))} ${reason}`, {
    hint: 'names in a tree are relative, without "." and "..", and each stands there once',
  });
}
