/** Header blocks of ustar and GNU tar: POSIX.1-2017 pax(1), "ustar Interchange Format". */

/** Every header and every padded body is a multiple of this many bytes. */
export const BLOCK = 512;

/** One header block as it stands, before extended headers are applied. */
export interface RawHeader {
  readonly name: string;
  readonly mode: number;
  /** Bytes of the body that follows. */
  readonly size: number;
  readonly type: string;
  readonly linkName: string;
  /** Numeric owner; 0 when it is not said. */
  readonly uid?: number;
}

/** Bytes that fill up the last block of a body of `size` bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** The largest size that eleven octal digits can say: 8 GiB - 1. */
export const MAX_USTAR_SIZE = 0o77777777777;
/** The largest owner that seven octal digits can say. */
export const MAX_USTAR_UID = 0o7777777;

/**
 * Writes a ustar header: no user names, time 0. Same input, same bytes.
 * @param header its name and link name fit the fields ({@link splitName}, 100 bytes), its size {@link MAX_USTAR_SIZE},
 * its uid {@link MAX_USTAR_UID}.
 */
export function formatHeader(header: RawHeader): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  const { name, prefix } = splitName(header.name) ?? { name: header.name.slice(0, 100), prefix: '' };
  block.write(name, 0, 'latin1');
  writeOctal(block, 100, 8, header.mode);
  writeOctal(block, 108, 8, header.uid ?? 0);
  writeOctal(block, 116, 8, 0);
  writeOctal(block, 124, 12, header.size);
  writeOctal(block, 136, 12, 0);
  block.write(header.type, 156, 'latin1');
  block.write(header.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\0' + '00', 257, 'latin1');
  writeOctal(block, 329, 8, 0);
  writeOctal(block, 337, 8, 0);
  block.write(prefix, 345, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** How an ASCII name fits ustar's fields (100 bytes, or 155 and 100 around a slash); undefined when it does not. */
export function splitName(path: string): { name: string; prefix: string } | undefined {
  if (path.length <= 100) return { name: path, prefix: '' };
  const slash = path.indexOf('/', path.length - 101);
  if (slash <= 0 || slash > 155 || slash === path.length - 1) return undefined;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

function writeOctal(block: Buffer, at: number, width: number, value: number): void {
  block.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1');
}

/** Sum of all bytes with the checksum field read as spaces. */
function checksumOf(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  return sum;
}

export function isZeroBlock(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** Reads a block of ustar or GNU tar; a text that says what is wrong when it is neither. */
export function rawHeaderFrom(block: Uint8Array): RawHeader | string {
  const buffer = Buffer.from(block.buffer, block.byteOffset, block.byteLength);
  if (octalAt(buffer, 148, 8) !== checksumOf(buffer)) return 'the checksum of a header is wrong';
  const magic = buffer.toString('latin1', 257, 265);
  const gnu = magic === 'ustar  \0';
  if (!gnu && !magic.startsWith('ustar\0')) return 'a header is neither ustar nor GNU tar';
  const mode = octalAt(buffer, 100, 8);
  const size = numberAt(buffer, 124, 12);
  const uid = numberAt(buffer, 108, 8) ?? 0;
  const name = textAt(buffer, 0, 100);
  const prefix = gnu ? '' : textAt(buffer, 345, 155);
  const linkName = textAt(buffer, 157, 100);
  if (mode === undefined || size === undefined) return 'a header has a field that is no number';
  if (name === undefined || prefix === undefined || linkName === undefined) return 'a name is not UTF-8';
  const type = buffer.toString('latin1', 156, 157);
  return { name: prefix === '' ? name : `${prefix}/${name}`, mode: mode & 0o7777, size, type, linkName, uid };
}

/** GNU tar writes sizes that need more than eleven digits as big-endian binary, marked by the first bit. */
function numberAt(buffer: Buffer, at: number, width: number): number | undefined {
  if (buffer[at] !== 0x80) return octalAt(buffer, at, width);
  const value = buffer.readBigUInt64BE(at + width - 8);
  const high = buffer.subarray(at + 1, at + width - 8);
  return high.every((byte) => byte === 0) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}

function octalAt(buffer: Buffer, at: number, width: number): number | undefined {
  const digits = /^ *([0-7]*)[ \0]*$/.exec(buffer.toString('latin1', at, at + width))?.[1];
  return digits === undefined ? undefined : digits === '' ? 0 : parseInt(digits, 8);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textAt(buffer: Buffer, at: number, width: number): string | undefined {
  const field = buffer.subarray(at, at + width);
  const end = field.indexOf(0);
  return textFrom(end < 0 ? field : field.subarray(0, end));
}

/** Undefined when the bytes are not UTF-8. */
export function textFrom(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
