import { IntegrityError } from './errors.ts';

/** Hands out bytes of the file; fewer than asked for only at its end. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/**
 * Text up to its NUL, which stands within `max` bytes.
 * @throws IntegrityError `MALFORMED` when it does not.
 */
export function textAt(read: ReadAt, offset: number, max: number): string {
  const bytes = read(offset, max);
  const end = bytes.subarray(0, max).indexOf(0);
  if (end < 0) throw malformed(`a name at ${offset} does not end`);
  return new TextDecoder().decode(bytes.subarray(0, end));
}

/** @throws IntegrityError `MALFORMED` when the file ends before. */
export function bytesAt(read: ReadAt, offset: number, length: number): DataView {
  const bytes = read(offset, length);
  if (bytes.byteLength < length) throw malformed(`it ends before byte ${offset + length}`);
  return new DataView(bytes.buffer, bytes.byteOffset, length);
}

/** An offset or a size. @throws IntegrityError `MALFORMED` for what no file has. */
export function wholeNumber(value: bigint): number {
  if (value > 0x7fff_ffff_ffffn) throw malformed(`0x${value.toString(16)} is no offset`);
  return Number(value);
}

/** What is wrong with a file that is to be ELF. */
export function malformed(reason: string): IntegrityError {
  return new IntegrityError('MALFORMED', `not an ELF file that can be read: ${reason}`);
}
