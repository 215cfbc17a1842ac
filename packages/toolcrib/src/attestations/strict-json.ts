import { IntegrityError, messageOf } from '../core/errors.ts';
import { printable, quoted } from '../core/printable.ts';

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
  refuseAmbiguity(text, where);
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

/** Strings, and the marks that open, part and close; in JSON that parsed nothing else matters here. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/** `JSON.parse` takes the last of two equal keys, others the first. */
function refuseAmbiguity(text: string, where: string): void {
  // For each open object the keys seen so far; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') noteKey(open.at(-1), last, where);
    if (open.length > MAX_DEPTH) throw malformed(where, `nested deeper than ${MAX_DEPTH} levels`);
    last = token;
  }
}

function noteKey(keys: Set<string> | undefined, token: string, where: string): void {
  const key = String(JSON.parse(token));
  if (keys?.has(key) === true) throw malformed(where, `the key ${quoted(key, 100)} stands there twice`);
  keys?.add(key);
}
