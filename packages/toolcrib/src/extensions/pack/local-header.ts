import { getFileNameLowLevel, parseExtraFields, type Entry, type LocalFileHeader } from 'yauzl';

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
  if (hasSecondName(local)) return 'has a second name in its local header';
  if (((local.generalPurposeBitFlag ^ central.generalPurposeBitFlag) & ~SPEED) !== 0) return differs('flag');
  if (local.compressionMethod !== central.compressionMethod) return differs('compression');
  const isStreamed = (central.generalPurposeBitFlag & STREAMED) !== 0;
  const isUnsaid = (said: number): boolean => isStreamed && said === 0;
  if (local.crc32 !== central.crc32 && !isUnsaid(local.crc32)) return differs('checksum');
  const isSize = (said: number, size: number): boolean => said === size || isUnsaid(said);
  const isRight = (said: Sizes | undefined): boolean =>
    said !== undefined &&
    isSize(said.size, central.uncompressedSize) &&
    isSize(said.packedSize, central.compressedSize);
  if (!sizesOf(local).every(isRight)) return differs('size');
  if (isStreamed) return isDescriptorOf(central, after) ? undefined : 'has a wrong data descriptor';
  return after.byteLength === 0 ? undefined : 'is followed by bytes that belong to no entry';
}

/** Info-ZIP's field 0x7075 gives another, and not every reader knows of it. */
function hasSecondName({ generalPurposeBitFlag: flags, fileName, extraField }: LocalFileHeader): boolean {
  const name = getFileNameLowLevel(flags, fileName, [], true);
  return getFileNameLowLevel(flags, fileName, parseExtraFields(extraField), true) !== name;
}

interface Sizes {
  readonly size: number;
  readonly packedSize: number;
}

/**
 * Every pair of sizes that a reader may take from a local header: of the header itself, where a ZIP64 field has to stand for
 * what is full of ones, and of each such field, which some read in any case. Undefined stands for one that lacks what it
 * should say; in a local header it has both sizes (APPNOTE 4.5.3).
 */
function sizesOf({ uncompressedSize, compressedSize, extraField }: LocalFileHeader): readonly (Sizes | undefined)[] {
  const fields = parseExtraFields(extraField).filter(({ id }) => id === ZIP64_FIELD);
  const large = fields.map(({ data }) =>
    data.byteLength < 16
      ? undefined
      : { size: Number(data.readBigUInt64LE(0)), packedSize: Number(data.readBigUInt64LE(8)) },
  );
  const [first] = large;
  const isFull = (said: number): boolean => said === ONES;
  if (first === undefined && (isFull(uncompressedSize) || isFull(compressedSize))) return [undefined];
  return [
    {
      size: isFull(uncompressedSize) ? (first?.size ?? ONES) : uncompressedSize,
      packedSize: isFull(compressedSize) ? (first?.packedSize ?? ONES) : compressedSize,
    },
    ...large,
  ];
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
