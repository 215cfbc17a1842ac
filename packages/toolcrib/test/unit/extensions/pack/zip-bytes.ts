import { createHash } from 'node:crypto';
import { crc32, deflateRawSync } from 'node:zlib';

/** The fields of an entry, as one of its two headers says them. */
interface HeaderFields {
  readonly name: Buffer;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly packedSize: number;
  readonly size: number;
  readonly extra: Buffer;
}

/** An entry to be written, honest unless it says otherwise. */
export interface TestEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly method?: 0 | 8;
  /** Size and checksum follow the bytes. */
  readonly isStreamed?: boolean;
  readonly madeBy?: number;
  readonly attributes?: number;
  /** Where its header is said to stand. */
  readonly offset?: number;
  readonly central?: Partial<HeaderFields>;
  readonly local?: Partial<HeaderFields>;
  /** Between its bytes and what follows; a right data descriptor for a streamed one, if nothing is said. */
  readonly after?: Buffer;
}

/** What is odd about the ZIP as a whole. */
export interface TestZip {
  readonly before?: Buffer;
  readonly beforeDirectory?: Buffer;
  readonly comment?: Buffer;
  readonly after?: Buffer;
  readonly end?: {
    readonly entries?: number;
    readonly size?: number;
    readonly offset?: number;
    readonly disk?: number;
  };
  /** Adds the records of ZIP64. */
  readonly zip64?: {
    readonly entries?: number;
    readonly size?: number;
    readonly offset?: number;
    readonly start?: number;
  };
}

/** A ZIP, written by hand after PKWARE's APPNOTE: no library writes what tests need. */
export function zipBytes(entries: readonly TestEntry[], odd: TestZip = {}): Buffer {
  const parts: Buffer[] = [odd.before ?? Buffer.alloc(0)];
  const directory: Buffer[] = [];
  const length = (): number => parts.reduce((sum, part) => sum + part.byteLength, 0);
  for (const entry of entries) {
    const { offset = length(), method = 8, isStreamed = false } = entry;
    const content = Buffer.from(entry.content ?? '');
    const packed = method === 8 ? deflateRawSync(content) : content;
    const honest: HeaderFields = {
      name: Buffer.from(entry.name),
      flags: 0x800 | (isStreamed ? 8 : 0),
      method,
      crc: crc32(content),
      packedSize: packed.byteLength,
      size: content.byteLength,
      extra: Buffer.alloc(0),
    };
    const local = isStreamed ? { ...honest, crc: 0, packedSize: 0, size: 0 } : honest;
    const descriptor = numbers([4, 0x08074b50], [4, honest.crc], [4, honest.packedSize], [4, honest.size]);
    parts.push(
      header({ ...local, ...entry.local }),
      packed,
      entry.after ?? (isStreamed ? descriptor : Buffer.alloc(0)),
    );
    directory.push(central({ ...honest, ...entry.central }, offset, entry));
  }
  parts.push(odd.beforeDirectory ?? Buffer.alloc(0));
  const [offset, records] = [length(), Buffer.concat(directory)];
  const facts = { entries: entries.length, size: records.byteLength, offset };
  parts.push(records);
  if (odd.zip64 !== undefined) parts.push(...zip64Records({ ...facts, start: length(), ...odd.zip64 }));
  return Buffer.concat([
    ...parts,
    endRecord({ disk: 0, ...facts, ...odd.end }, odd.comment),
    odd.after ?? Buffer.alloc(0),
  ]);
}

/** A pack with a component, and a `component.json` that tells the truth unless it says otherwise. */
export function packBytesOf(component: Uint8Array, others: readonly TestEntry[] = [], digest?: string): Buffer {
  return zipBytes([sidecarEntry(component, digest), { name: 'component.wasm', content: component }, ...others]);
}

export function sidecarEntry(component: Uint8Array, digest = digestText(component)): TestEntry {
  return {
    name: 'component.json',
    content: JSON.stringify({ component: { id: 'greentic.http', asset: 'component.wasm', digest } }),
  };
}

export function digestText(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Little-endian numbers: how many bytes, and which. */
export function numbers(...fields: readonly (readonly [size: 2 | 4 | 8, value: number])[]): Buffer {
  return Buffer.concat(
    fields.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      if (size === 8) bytes.writeBigUInt64LE(BigInt(value));
      else bytes.writeUIntLE(value, 0, size);
      return bytes;
    }),
  );
}

function header(fields: HeaderFields): Buffer {
  return Buffer.concat([numbers([4, 0x04034b50]), common(fields), fields.name, fields.extra]);
}

/** What both headers of an entry say, from the version that it takes to unpack it on. */
function common({ name, flags, method, crc, packedSize, size, extra }: HeaderFields): Buffer {
  const how = [
    [2, 20],
    [2, flags],
    [2, method],
    [4, 0x00210000],
  ] as const;
  const sizes = [
    [4, crc],
    [4, packedSize],
    [4, size],
    [2, name.byteLength],
    [2, extra.byteLength],
  ] as const;
  return numbers(...how, ...sizes);
}

function central(
  fields: HeaderFields,
  offset: number,
  { madeBy = 0x033f, attributes = 0o100644 * 0x10000 }: TestEntry,
): Buffer {
  const where = numbers([2, 0], [2, 0], [2, 0], [4, attributes], [4, offset]);
  return Buffer.concat([numbers([4, 0x02014b50], [2, madeBy]), common(fields), where, fields.name, fields.extra]);
}

interface EndFacts {
  readonly entries: number;
  readonly size: number;
  readonly offset: number;
}

function zip64Records({ entries, size, offset, start }: EndFacts & { readonly start: number }): readonly Buffer[] {
  const record = numbers(
    ...([
      [4, 0x06064b50],
      [8, 44],
      [2, 45],
      [2, 45],
      [4, 0],
      [4, 0],
      [8, entries],
      [8, entries],
    ] as const),
    ...([
      [8, size],
      [8, offset],
    ] as const),
  );
  return [record, numbers([4, 0x07064b50], [4, 0], [8, start], [4, 1])];
}

function endRecord(
  { disk, entries, size, offset }: EndFacts & { readonly disk: number },
  comment: Buffer = Buffer.alloc(0),
): Buffer {
  const fixed = numbers(
    ...([
      [4, 0x06054b50],
      [2, disk],
      [2, disk],
      [2, entries],
      [2, entries],
      [4, size],
      [4, offset],
    ] as const),
    [2, comment.byteLength],
  );
  return Buffer.concat([fixed, comment]);
}
