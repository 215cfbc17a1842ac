/** Why the lines of a member were not read to their end. */
export class LineError extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws LineError unless it is UTF-8. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new LineError('it is not UTF-8');
  }
}
