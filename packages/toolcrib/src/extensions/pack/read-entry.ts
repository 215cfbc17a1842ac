import { createInflateRaw, crc32 } from 'node:zlib';
import { quoted } from '../../core/printable.ts';
import type { PackBytes } from './pack-bytes.ts';
import type { PackRefusal } from './pack-refusal.ts';
import type { ZipEntry } from './zip-entries.ts';

/**
 * The bytes of an entry, whole and with the checksum that the pack says. They may be part of the pack's own.
 * @throws IntegrityError `MALFORMED`; as `PackBytes.read`; what zlib throws about malformed bytes.
 */
export async function readEntry(bytes: PackBytes, entry: ZipEntry, refusal: PackRefusal): Promise<Buffer> {
  const { name, size, data } = entry;
  const packed = await bytes.read(data.offset, data.size);
  const content = entry.isDeflated ? await inflate(packed, size) : packed;
  if (content === undefined) throw refusal.malformed(`its entry ${quoted(name)} does not unpack to its ${size} bytes`);
  if (crc32(content) !== entry.crc32) {
    throw refusal.malformed(
      `its entry ${quoted(name)} does not have the checksum that it says: bytes of it were changed`,
    );
  }
  return content;
}

const LEAST_CHUNK = 64;

/**
 * Undefined unless all that was packed yields exactly that many bytes. One more has room, so that it shows; what would be
 * more than that is not unpacked.
 */
async function inflate(packed: Buffer, size: number): Promise<Buffer | undefined> {
  const stream = createInflateRaw({ chunkSize: Math.max(LEAST_CHUNK, size + 1) });
  stream.end(packed);
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of stream) {
    if (!Buffer.isBuffer(piece)) throw new Error('a stream of bytes yields bytes');
    length += piece.byteLength;
    if (length > size) return undefined;
    pieces.push(piece);
  }
  if (length !== size || stream.bytesWritten !== packed.byteLength) return undefined;
  const [whole, ...more] = pieces;
  return whole !== undefined && more.length === 0 ? whole : Buffer.concat(pieces);
}
