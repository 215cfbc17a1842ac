/** Which bytes of a file an answer of 206 brings. */
export interface ContentRange {
  /** Of its first byte, counted from 0. */
  readonly first: number;
  /** Of its last byte. */
  readonly last: number;
  /** Size of the whole file. */
  readonly total: number;
}

/**
 * Reads a `Content-Range` header (RFC 9110, 14.4).
 * @returns undefined for what is no range of bytes of a file whose size is told, or contradicts itself.
 */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes ([0-9]{1,15})-([0-9]{1,15})\/([0-9]{1,15})$/i.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [first, last, total] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return first <= last && last < total ? { first, last, total } : undefined;
}
