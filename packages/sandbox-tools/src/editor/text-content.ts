/** A text file, taken apart so that it can be put together again byte for byte. */
export interface TextContent {
  /** Without a byte order mark; with `\n` for `\r\n` when `crlf`. */
  readonly text: string;
  readonly bom: boolean;
  /** Every line of the file ends with `\r\n`. Files of mixed endings keep them all in `text`. */
  readonly crlf: boolean;
}

const mark = '\uFEFF';

/** Reads bytes as UTF-8; undefined when they are not text: not UTF-8, or with a NUL. */
export function decodeText(bytes: Uint8Array): TextContent | undefined {
  if (bytes.includes(0)) return undefined;
  const whole = decodeStrictly(bytes);
  if (whole === undefined) return undefined;
  const bom = whole.startsWith(mark);
  const text = bom ? whole.slice(1) : whole;
  const crlf = text.includes('\r\n') && !/(^|[^\r])\n|\r(?!\n)/.test(text);
  return { text: crlf ? text.replaceAll('\r\n', '\n') : text, bom, crlf };
}

/** The bytes of a text: the inverse of {@link decodeText}. */
export function encodeText({ text, bom, crlf }: TextContent): Buffer {
  return Buffer.from((bom ? mark : '') + (crlf ? text.replaceAll('\n', '\r\n') : text), 'utf8');
}

/** A caller's text in the line endings that `content.text` uses inside. */
export function inEndingsOf(content: TextContent, text: string): string {
  return content.crlf ? text.replaceAll('\r\n', '\n') : text;
}

function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
