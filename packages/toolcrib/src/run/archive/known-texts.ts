/**
 * Texts that were read lately. A layer names the same paths again and again: the same string for the same bytes saves
 * making it, and looking it up.
 */
export interface KnownTexts {
  /**
   * The text of these bytes, undefined when they are not plain: printable ASCII without a quote or a backslash. Says in
   * {@link KnownTexts.isRepeated} whether it was remembered.
   */
  at(bytes: Buffer, start: number, end: number): string | undefined;
  isRepeated: boolean;
}

/** What of a text decides where it is remembered: its end. Paths begin alike. */
const HASHED = 24;

/** Printable ASCII but for the quote and the backslash. */
const IS_PLAIN = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x20 && byte <= 0x7e && byte !== 0x22 && byte !== 0x5c ? 1 : 0,
);

/**
 * @param places a power of two: how many texts are remembered. Two that fall on the same place stand beside each other;
 * a third one takes the place of the older.
 */
export function createKnownTexts(places: number): KnownTexts {
  // Made when the first text comes: most kinds of events never come.
  let texts: string[] = [];
  const remember = (text: string, place: number): string => {
    if (texts.length === 0) texts = new Array<string>(places).fill('');
    texts[place ^ 1] = texts[place] ?? '';
    texts[place] = text;
    return text;
  };
  const known: KnownTexts = {
    isRepeated: true,
    at(bytes, start, end) {
      const place = hashOf(bytes, Math.max(start, end - HASHED), end) & (places - 1);
      known.isRepeated = true;
      const first = texts[place] ?? '';
      if (isText(first, bytes, start, end)) return first;
      const second = texts[place ^ 1] ?? '';
      if (isText(second, bytes, start, end)) return second;
      known.isRepeated = false;
      // What equals a plain text is plain; the others are looked at.
      return isPlain(bytes, start, end) ? remember(bytes.toString('latin1', start, end), place) : undefined;
    },
  };
  return known;
}

function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (IS_PLAIN[bytes[at] ?? 0] !== 1) return false;
  return true;
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
