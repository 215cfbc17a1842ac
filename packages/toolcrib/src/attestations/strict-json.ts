import { IntegrityError, messageOf } from '../core/errors.ts';
import { faultOfJson } from '../core/json-structure.ts';
import { printable } from '../core/printable.ts';

/** What is read of signed things, in bytes: provenance has about 1,000, a bundle of Sigstore about 10,000. */
export const MAX_SIGNED_BYTES = 1024 * 1024;

const MAX_DEPTH = 64;

/**
 * Reads JSON that two readers cannot understand differently: UTF-8 without exception, no byte order mark, no key twice in
 * one object. What is signed must mean one thing.
 * @param where names the file in errors.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`.
 */
export function parseStrictJson(bytes: Uint8Array, where: string): unknown {
  if (bytes.byteLength > MAX_SIGNED_BYTES) {
    throw new IntegrityError('TOO_LARGE', `${where} has ${bytes.byteLength} bytes, more than ${MAX_SIGNED_BYTES}`, {
      hint: 'it is not what it should be: nothing of it was used',
      details: { maxBytes: MAX_SIGNED_BYTES },
    });
  }
  const text = decode(bytes, where);
  const value = parse(text, where);
  const fault = faultOfJson(text, { maxDepth: MAX_DEPTH });
  if (fault !== undefined) throw malformed(where, fault);
  return value;
}

/** @throws IntegrityError `MALFORMED`. */
export function malformed(where: string, what: string, cause?: unknown): IntegrityError {
  return new IntegrityError('MALFORMED', `${where}: ${what}`, { cause });
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw malformed(where, 'not UTF-8', error);
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(where, `not JSON: ${printable(messageOf(error).slice(0, 200))}`, error);
  }
}
