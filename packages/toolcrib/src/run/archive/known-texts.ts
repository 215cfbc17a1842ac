/**
 * Texts that were read lately. A layer names the same paths again and again: the same string for the same bytes saves
 * making it, and looking it up.
 */
export interface KnownTexts {
  /** The text of ASCII bytes; says in {@link KnownTexts.isRepeated} whether it was remembered. */
  at(bytes: Buffer, start: number, end: number): string;
  isRepeated: boolean;
}

/** What of a text decides where it is remembered: its end. Paths begin alike. */
const HASHED = 24;

/** @param places a power of two: how many texts are remembered. Of two that fall on the same place the later one is. */
export function createKnownTexts(places: number): KnownTexts {
  // Made when the first text comes: most kinds of events never come.
  let texts: string[] = [];
  const known: KnownTexts = {
    isRepeated: false,
    at(bytes, start, end) {
      const place = hashOf(bytes, Math.max(start, end - HASHED), end) & (places - 1);
      const candidate = texts[place] ?? '';
      known.isRepeated = isText(candidate, bytes, start, end);
      if (known.isRepeated) return candidate;
      if (texts.length === 0) texts = new Array<string>(places).fill('');
      const text = bytes.toString('latin1', start, end);
      texts[place] = text;
      return text;
    },
  };
  return known;
}

function hashOf(bytes: Buffer, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  return hash ^ (hash >>> 15);
}

function isText(text: string, bytes: Buffer, start: number, end: number): boolean {
  const length = end - start;
  if (text.length !== length || length === 0) return false;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false;
  return true;
}
