import { IntegrityError } from '../core/errors.ts';
import { createByteReader, type ByteReader } from './byte-reader.ts';
import { BLOCK, isZeroBlock, paddingOf, rawHeaderFrom, textFrom, type RawHeader } from './header.ts';
import { createMemberCheck, type MemberCheck } from './member-check.ts';
import { paxRecordsFrom } from './pax.ts';

export { gunzip } from './gzip.ts';

/** What an archive may cost. */
export interface TarLimits {
  readonly maxEntries: number;
  /** Of one member, in bytes. */
  readonly maxEntryBytes: number;
  /** Of all members together, in bytes. */
  readonly maxTotalBytes: number;
}

/** One member of an archive. */
export interface TarMember {
  /** Relative, safe, without `./` before and `/` after it. */
  readonly path: string;
  /** `link` is a symbolic link, `hardlink` another name of a file that came before. */
  readonly kind: 'file' | 'directory' | 'link' | 'hardlink';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  /** In bytes; 0 unless it is a file. */
  readonly size: number;
  /** Numeric owner. */
  readonly uid: number;
  /** Of a link as it is written (it may lead anywhere); of a hard link the path of the earlier member; else ''. */
  readonly linkTarget: string;
  /** Read it before the next member is asked for, or not at all. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

const KINDS: ReadonlyMap<string, TarMember['kind']> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['1', 'hardlink'],
  ['2', 'link'],
  ['5', 'directory'],
]);
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['3', 'a character device'],
  ['4', 'a block device'],
  ['6', 'a fifo'],
  ['S', 'a sparse file'],
]);
/** Extended headers: `x` of the next member, `g` of all, GNU's `L` and `K` for long names. */
const EXTENSIONS = 'xgLK';
const MAX_EXTENSION_BYTES = 1024 * 1024;
const MAX_EXTENSIONS_IN_A_ROW = 8;
/** Writers fill up their last record with zeros (GNU tar: 10 KiB). */
const MAX_TRAILER_BYTES = 1024 * 1024;

/**
 * Reads an archive as ustar, PAX or GNU tar write it, ours or foreign, member by member and strictly.
 * @param what names the archive in errors.
 * @throws IntegrityError `MALFORMED` naming the member: unsafe or repeated names, members below a file or a link,
 * devices, fifos, sparse files, hard links to anything but an earlier file, truncation, anything after the end.
 * `TOO_LARGE` above a limit.
 */
export async function* readTar(
  bytes: AsyncIterable<Uint8Array>,
  limits: TarLimits,
  what = 'archive',
): AsyncGenerator<TarMember> {
  const source = createByteReader(bytes);
  const check = createMemberCheck(limits, what);
  try {
    for (;;) {
      const header = await nextHeader(source, what);
      if (header === undefined) break;
      const body = createBody(source, header.size, `${what}: ${JSON.stringify(header.name)}`);
      const member = memberFrom(header, check, body.bytes, what);
      if (member !== undefined) yield member;
      await body.finish();
    }
    await verifyTrailer(source, what);
  } finally {
    await source.close();
  }
}

function memberFrom(
  header: RawHeader,
  check: MemberCheck,
  bytes: AsyncIterable<Uint8Array>,
  what: string,
): TarMember | undefined {
  const kind = KINDS.get(header.type);
  const where = `${what}: ${JSON.stringify(header.name.slice(0, 300))}`;
  if (kind === undefined) {
    throw malformed(where, `is ${REFUSED.get(header.type) ?? `of unknown type ${JSON.stringify(header.type)}`}`);
  }
  if (kind !== 'file' && header.size > 0) throw malformed(where, `is a ${kind} with content`);
  const place = check.admit(kind, header);
  return place && { kind, mode: header.mode, size: header.size, uid: header.uid ?? 0, bytes, ...place };
}

/** The next member's header with its extended headers applied; undefined at the end of the archive. */
async function nextHeader(source: ByteReader, what: string): Promise<RawHeader | undefined> {
  const extended: Extended = {};
  for (let count = 0; count <= MAX_EXTENSIONS_IN_A_ROW; count++) {
    const header = await readHeader(source, what);
    if (header === undefined) {
      if (count > 0) throw malformed(what, 'ends after an extended header');
      return undefined;
    }
    if (!EXTENSIONS.includes(header.type)) return applyExtended(header, extended, what);
    await readExtension(source, header, extended, what);
  }
  throw malformed(what, `has more than ${MAX_EXTENSIONS_IN_A_ROW} extended headers in a row`);
}

async function readHeader(source: ByteReader, what: string): Promise<RawHeader | undefined> {
  const block = await source.read(BLOCK);
  if (block.byteLength < BLOCK) throw truncated(what);
  if (isZeroBlock(block)) return undefined;
  const header = rawHeaderFrom(block);
  if (typeof header === 'string') throw malformed(`${what}:`, header);
  return header;
}

interface Extended {
  path?: string;
  linkpath?: string;
  size?: string;
  uid?: string;
}

async function readExtension(source: ByteReader, header: RawHeader, extended: Extended, what: string): Promise<void> {
  if (header.size > MAX_EXTENSION_BYTES) {
    throw new IntegrityError('TOO_LARGE', `${what}: an extended header has ${header.size} bytes`, {
      details: { limit: MAX_EXTENSION_BYTES },
    });
  }
  const body = await source.read(header.size + paddingOf(header.size));
  if (body.byteLength < header.size + paddingOf(header.size)) throw truncated(what);
  const content = body.subarray(0, header.size);
  if (header.type === 'L') extended.path = longName(content, what);
  else if (header.type === 'K') extended.linkpath = longName(content, what);
  else applyPax(content, header.type === 'g', extended, what);
}

function longName(content: Uint8Array, what: string): string {
  const end = content.indexOf(0);
  return textOf(end < 0 ? content : content.subarray(0, end), 'a long name', what);
}

function textOf(bytes: Uint8Array, name: string, what: string): string {
  const text = textFrom(bytes);
  if (text === undefined) throw malformed(what, `has ${name} that is not UTF-8`);
  return text;
}

function applyPax(content: Uint8Array, global: boolean, extended: Extended, what: string): void {
  const records = paxRecordsFrom(content);
  if (records === undefined) throw malformed(`${what}:`, 'a PAX header is not a sequence of records');
  for (const [key, value] of records) {
    if (key.startsWith('GNU.sparse.')) throw malformed(what, 'has a sparse file');
    if (key !== 'path' && key !== 'linkpath' && key !== 'size' && key !== 'uid') continue;
    if (global) throw malformed(`${what}:`, `a global PAX header sets ${key}`);
    extended[key] = textOf(value, `a PAX ${key}`, what);
  }
}

function applyExtended(header: RawHeader, extended: Extended, what: string): RawHeader {
  const { path = header.name, linkpath = header.linkName, size, uid } = extended;
  if (size !== undefined && !/^(0|[1-9][0-9]{0,14})$/.test(size))
    throw malformed(`${what}:`, 'a PAX size is no number');
  if (uid !== undefined && !/^[0-9]{1,10}$/.test(uid)) throw malformed(`${what}:`, 'a PAX uid is no number');
  return {
    ...header,
    name: path,
    linkName: linkpath,
    ...(size !== undefined && { size: Number(size) }),
    ...(uid !== undefined && { uid: Number(uid) }),
  };
}

interface Body {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Passes over what was not read and over the padding; `bytes` is over then. */
  finish(): Promise<void>;
}

function createBody(source: ByteReader, size: number, where: string): Body {
  let missing = size;
  let over = false;
  const isOver = () => over;
  const next = async (): Promise<Uint8Array> => {
    const piece = await source.next(missing);
    if (piece === undefined) throw truncated(where);
    missing -= piece.byteLength;
    return piece;
  };
  return {
    bytes: {
      async *[Symbol.asyncIterator]() {
        if (over) throw new Error(`${where} was read after the next member was asked for`);
        while (missing > 0 && !isOver()) yield await next();
      },
    },
    async finish() {
      over = true;
      while (missing > 0) await next();
      // Where the padding is cut, the next header is not there either.
      await source.read(paddingOf(size));
    },
  };
}

/** After the first zero block comes a second one, and then nothing but zeros. */
async function verifyTrailer(source: ByteReader, what: string): Promise<void> {
  const second = await source.read(BLOCK);
  if (second.byteLength < BLOCK) throw truncated(what);
  if (!isZeroBlock(second)) throw malformed(`${what}:`, 'something follows its end');
  let seen = 0;
  for (let piece = await source.next(BLOCK); piece !== undefined; piece = await source.next(BLOCK)) {
    seen += piece.byteLength;
    if (!isZeroBlock(piece) || seen > MAX_TRAILER_BYTES) throw malformed(`${what}:`, 'something follows its end');
  }
}

function malformed(where: string, reason: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${where} ${reason}`);
}

function truncated(where: string): IntegrityError {
  return malformed(where, 'is truncated');
}
