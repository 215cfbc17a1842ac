import { malformed } from './strict-json.ts';

/**
 * Reads base64 as RFC 4648 writes it: with padding, without line ends, without bits that stand for nothing. There is
 * one text for some bytes.
 * @param what names the value in errors.
 * @throws IntegrityError `MALFORMED`.
 */
export function parseBase64(text: string, where: string, what: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw malformed(where, `${what} is not canonical base64`);
  return bytes;
}

export function formatBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
