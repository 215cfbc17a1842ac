import { parseExtraFields, type Entry, type LocalFileHeader } from 'yauzl';

const [STREAMED, SPEED] = [0x8, 0x6];
const ZIP64_FIELD = 1;
const ONES = 0xffffffff;
const DESCRIPTOR_SIGNATURE = 0x08074b50;

/** What follows the bytes of an entry that was written before its size was known, at most. */
export const MAX_DESCRIPTOR = 24;

/**
 * What is wrong with a local header, as in "its entry NAME …": another reader may believe this one instead of the central.
 * @param after what stands between the entry's bytes and the next header.
 */
export function faultOfLocalHeader(central: Entry, local: LocalFileHeader, after: Buffer): string | undefined {
  const differs = (what: string): string => `has another ${what} in its local header than in the central directory`;
  if (!local.fileName.equals(central.fileNameRaw)) return differs('name');
  if (((local.generalPurposeBitFlag ^ central.generalPurposeBitFlag) & ~SPEED) !== 0) return differs('flag');
  if (local.compressionMethod !== central.compressionMethod) return differs('compression');
  const isStreamed = (central.generalPurposeBitFlag & STREAMED) !== 0;
  const facts = localFacts(local);
  if (facts === undefined) return differs('size');
  const isUnsaid = (said: number): boolean => isStreamed && said === 0;
  if (facts.crc32 !== central.crc32 && !isUnsaid(facts.crc32)) return differs('checksum');
  if (facts.size !== central.uncompressedSize && !isUnsaid(facts.size)) return differs('size');
  if (facts.packedSize !== central.compressedSize && !isUnsaid(facts.packedSize)) return differs('size');
  if (isStreamed) return isDescriptorOf(central, after) ? undefined : 'has a wrong data descriptor';
  return after.byteLength === 0 ? undefined : 'is followed by bytes that belong to no entry';
}

interface LocalFacts {
  readonly crc32: number;
  readonly size: number;
  readonly packedSize: number;
}

/** Undefined where a ZIP64 field lacks what it should say; in a local header it has both sizes (APPNOTE 4.5.3). */
function localFacts({ crc32, uncompressedSize, compressedSize, extraField }: LocalFileHeader): LocalFacts | undefined {
  if (uncompressedSize !== ONES && compressedSize !== ONES) {
    return { crc32, size: uncompressedSize, packedSize: compressedSize };
  }
  const large = parseExtraFields(extraField).find(({ id }) => id === ZIP64_FIELD)?.data;
  if (large === undefined || large.byteLength < 16) return undefined;
  const [size, packedSize] = [Number(large.readBigUInt64LE(0)), Number(large.readBigUInt64LE(8))];
  return {
    crc32,
    size: uncompressedSize === ONES ? size : uncompressedSize,
    packedSize: compressedSize === ONES ? packedSize : compressedSize,
  };
}

/** CRC-32, packed and unpacked size, in 4 or 8 bytes, with or without a signature (APPNOTE 4.3.9). */
function isDescriptorOf({ crc32, compressedSize, uncompressedSize }: Entry, after: Buffer): boolean {
  const hasSignature = after.byteLength === 16 || after.byteLength === 24;
  if (hasSignature && after.readUInt32LE(0) !== DESCRIPTOR_SIGNATURE) return false;
  const fields = hasSignature ? after.subarray(4) : after;
  if (fields.byteLength !== 12 && fields.byteLength !== 20) return false;
  const [packed, size] =
    fields.byteLength === 12
      ? [fields.readUInt32LE(4), fields.readUInt32LE(8)]
      : [Number(fields.readBigUInt64LE(4)), Number(fields.readBigUInt64LE(12))];
  return fields.readUInt32LE(0) === crc32 && packed === compressedSize && size === uncompressedSize;
}
