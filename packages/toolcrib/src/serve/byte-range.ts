/** The bytes of a file from `start` up to and with `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const RANGE = /^bytes=(?<first>[0-9]{0,15})-(?<last>[0-9]{0,15})$/i;

/**
 * Reads a `Range` header (RFC 9110, 14.2) that asks for one range.
 * @param size of the file, in bytes.
 * @returns undefined for the whole file: no header, or one that a server may pass over, as it may several ranges.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const { first = '', last = '' } = RANGE.exec(header?.trim() ?? '')?.groups ?? {};
  if (first === '') return last === '' ? undefined : lastBytes(Number(last), size);
  const [start, end] = [Number(first), last === '' ? size - 1 : Math.min(Number(last), size - 1)];
  if (last !== '' && Number(last) < start) return undefined;
  return start >= size ? 'unsatisfiable' : { start, end };
}

function lastBytes(count: number, size: number): ByteRange | 'unsatisfiable' {
  return count === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - count), end: size - 1 };
}
