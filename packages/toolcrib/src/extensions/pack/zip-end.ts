import type { PackLimits } from './limits.ts';
import type { PackBytes } from './pack-bytes.ts';
import type { PackRefusal } from './pack-refusal.ts';

/** Where a ZIP says that its central directory stands. */
export interface ZipEnd {
  readonly entryCount: number;
  readonly directory: { readonly offset: number; readonly size: number };
}

const END = Buffer.from('PK\x05\x06', 'latin1');
const END_SIZE = 22;
const MAX_COMMENT = 0xffff;
const LOCATOR_SIGNATURE = 0x07064b50;
const LOCATOR_SIZE = 20;
const RECORD_SIGNATURE = 0x06064b50;
const RECORD_SIZE = 56;

/** What stands at the end: in the plain record and, in other words, in that of ZIP64. */
interface EndFacts extends ZipEnd {
  readonly disks: readonly number[];
  readonly entriesHere: number;
}

/**
 * Reads the end of a ZIP (PKWARE's APPNOTE 6.3, 4.3.14 to 4.3.16) more strictly than a reader must: what two readers could
 * understand in two ways, or leaves room for bytes that nobody looks at, is refused.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`; as `PackBytes.read`.
 */
export async function readZipEnd(
  bytes: PackBytes,
  { maxEntries }: Pick<PackLimits, 'maxEntries'>,
  refusal: PackRefusal,
): Promise<ZipEnd> {
  const length = Math.min(bytes.size, LOCATOR_SIZE + END_SIZE + MAX_COMMENT);
  const tail = await bytes.read(bytes.size - length, length);
  const at = length < END_SIZE ? -1 : tail.lastIndexOf(END, length - END_SIZE);
  if (at === -1) throw refusal.malformed('it is not a ZIP, or was cut short');
  if (at + END_SIZE + tail.readUInt16LE(at + 20) !== length) {
    throw refusal.malformed('bytes follow the end of the ZIP');
  }
  const endsAt = bytes.size - length + at;
  const plain = plainFacts(tail.subarray(at));
  const locator = at >= LOCATOR_SIZE ? tail.subarray(at - LOCATOR_SIZE, at) : undefined;
  const large =
    locator?.readUInt32LE(0) === LOCATOR_SIGNATURE
      ? await largeFacts(bytes, locator, endsAt - LOCATOR_SIZE, refusal)
      : undefined;
  if (large !== undefined && !saysTheSame(plain, large.facts)) {
    throw refusal.malformed('its ZIP64 record contradicts its plain one');
  }
  const facts = large?.facts ?? plain;
  if (facts.entryCount > maxEntries) throw refusal.tooLarge(`${facts.entryCount} entries`, maxEntries);
  verifyEnd(facts, large?.start ?? endsAt, refusal);
  return facts;
}

function verifyEnd({ disks, entriesHere, entryCount, directory }: EndFacts, end: number, refusal: PackRefusal): void {
  if (disks.some((disk) => disk !== 0) || entriesHere !== entryCount) {
    throw refusal.malformed('it is one part of several');
  }
  if (directory.offset + directory.size !== end) {
    throw refusal.malformed('its central directory does not end where the ZIP ends');
  }
}

function plainFacts(end: Buffer): EndFacts {
  return {
    disks: [end.readUInt16LE(4), end.readUInt16LE(6)],
    entriesHere: end.readUInt16LE(8),
    entryCount: end.readUInt16LE(10),
    directory: { size: end.readUInt32LE(12), offset: end.readUInt32LE(16) },
  };
}

async function largeFacts(
  bytes: PackBytes,
  locator: Buffer,
  locatorStart: number,
  refusal: PackRefusal,
): Promise<{ readonly facts: EndFacts; readonly start: number }> {
  const start = Number(locator.readBigUInt64LE(8));
  if (locator.readUInt32LE(4) !== 0 || locator.readUInt32LE(16) > 1)
    throw refusal.malformed('it is one part of several');
  if (start + RECORD_SIZE > locatorStart) throw refusal.malformed('its ZIP64 record is not where it should be');
  const record = await bytes.read(start, RECORD_SIZE);
  // The size leaves out the signature and itself.
  const size = Number(record.readBigUInt64LE(4)) + 12;
  if (record.readUInt32LE(0) !== RECORD_SIGNATURE || start + size !== locatorStart) {
    throw refusal.malformed('its ZIP64 record is not where it should be');
  }
  const facts = {
    disks: [record.readUInt32LE(16), record.readUInt32LE(20)],
    entriesHere: Number(record.readBigUInt64LE(24)),
    entryCount: Number(record.readBigUInt64LE(32)),
    directory: { size: Number(record.readBigUInt64LE(40)), offset: Number(record.readBigUInt64LE(48)) },
  };
  return { facts, start };
}

/** A field of the plain record is that of ZIP64, or full of ones, which stands for it. */
function saysTheSame(plain: EndFacts, large: EndFacts): boolean {
  const same = (small: number, ones: number, great: number): boolean => small === great || small === ones;
  return (
    same(plain.entriesHere, 0xffff, large.entriesHere) &&
    same(plain.entryCount, 0xffff, large.entryCount) &&
    same(plain.directory.size, 0xffffffff, large.directory.size) &&
    same(plain.directory.offset, 0xffffffff, large.directory.offset) &&
    plain.disks.every((disk) => disk === 0 || disk === 0xffff)
  );
}
