import { messageOf } from '../../core/errors.ts';
import { quoted } from '../../core/printable.ts';

/** Members of the format nest four levels deep. Deeper ones would be work for the stack of whoever reads them. */
const MAX_DEPTH = 16;

/**
 * Parses compact JSON. What would be written differently (blanks, repeated keys, needless escapes) could be read
 * differently by another reader.
 * @returns a text that says what is wrong.
 */
export function parseCompact(text: string): { readonly value: unknown } | string {
  if (isDeeperThan(text, MAX_DEPTH)) return `it is nested deeper than ${MAX_DEPTH} levels`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `it is not JSON: ${quoted(messageOf(error), 100)}`;
  }
  if (JSON.stringify(value) !== text) return 'it is not compact JSON, or a key is repeated';
  // The text is compact, so the key stands there as it is, and a string cannot hold a quote. Readers take it for more.
  return text.includes('"__proto__":') ? 'it has the key "__proto__"' : { value };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether brackets outside of strings open more levels than that. By hand: a pattern would want stack for long strings. */
function isDeeperThan(text: string, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    // `[` and `{` differ in one bit, and so do `]` and `}`.
    else if ((code | 0x20) === 0x7b) depth += 1;
    else if ((code | 0x20) === 0x7d) depth -= 1;
    if (depth > most) return true;
  }
  return false;
}

/** Where the string ends that begins there. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}
