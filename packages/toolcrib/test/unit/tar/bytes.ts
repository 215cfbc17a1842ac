import { readTar, type TarLimits, type TarMember } from '../../../src/tar/read.ts';
import { writeTar, type TarEntry } from '../../../src/tar/write.ts';

export const LIMITS: TarLimits = { maxEntries: 1000, maxEntryBytes: 1_000_000, maxTotalBytes: 10_000_000 };

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** The bytes in pieces of `size`. */
// eslint-disable-next-line @typescript-eslint/require-await -- an async source that needs not wait
export async function* pieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

export const tarOf = (entries: Iterable<TarEntry>): Promise<Buffer> => collect(writeTar(entries));

export type ReadMember = Omit<TarMember, 'bytes'> & { readonly content: Buffer };

export async function membersOf(tar: Uint8Array, limits = LIMITS, size = 65_536): Promise<ReadMember[]> {
  const members: ReadMember[] = [];
  for await (const { bytes, ...member } of readTar(pieces(tar, size), limits, 'test.tar')) {
    members.push({ ...member, content: await collect(bytes) });
  }
  return members;
}

/** A ustar header with whatever fields; the checksum is right. */
export function header(fields: { name?: string; type?: string; size?: number; link?: string; magic?: string }): Buffer {
  const block = Buffer.alloc(512);
  block.write(fields.name ?? 'x', 0);
  block.write('0000644\0', 100);
  block.write((fields.size ?? 0).toString(8).padStart(11, '0'), 124);
  block.write(fields.type ?? '0', 156);
  block.write(fields.link ?? '', 157);
  block.write(fields.magic ?? 'ustar\x0000', 257, 'latin1');
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

export const END = Buffer.alloc(1024);

export function padded(text: string | Uint8Array): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}
