/** What stands for a secret that was taken out. */
const REDACTED = '***';

/** Base64 of fewer characters than these is found in texts that hold no secret. */
const SHORTEST_ENCODED = 8;

/** How often a text may have been escaped: a URL in JSON in JSON. */
const ESCAPED_AT_MOST = 3;

/** A text with escapes taken away, and what of the original each of its characters stands for. */
interface View {
  readonly text: string;
  /** Where each character begins in the original; one more for its end. */
  readonly starts: readonly number[];
}

/** How a secret may stand in a text. */
interface Form {
  readonly text: string;
  /** True where characters beside it hold some of its bits: base64. */
  readonly shared: boolean;
}

/** A span of the original: where it begins, and the position after it. */
type Span = readonly [from: number, to: number];

/**
 * Takes secrets out of a text that somebody wrote who was shown them: as they are, percent-encoded, escaped as in JSON, HTML
 * or a form, as hex, and as base64 of something that they are a part of; also such a form escaped again.
 * @param isCut true when the text may go on: then also the beginning of a secret at its end.
 */
export function redactSecrets(
  text: string,
  secrets: readonly string[],
  { isCut = false }: { readonly isCut?: boolean } = {},
): string {
  const forms = [...new Set(secrets)].filter((secret) => secret !== '').flatMap(formsOf);
  const spans = viewsOf(text).flatMap((view) => forms.flatMap((form) => spansOf(view, form, isCut)));
  return withoutSpans(text, spans);
}

/** What to look for in every view, each form once. */
function formsOf(secret: string): readonly Form[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString('hex');
  const encoded = [hex, hex.toUpperCase(), ...[0, 1, 2].flatMap((offset) => base64Within(bytes, offset))];
  return [
    // Percent-encoding is of bytes: what it is taken away from has one character for each.
    ...new Set([secret, bytes.toString('latin1')]).values().map((text) => ({ text, shared: false })),
    ...encoded.filter((text) => text.length >= SHORTEST_ENCODED).map((text) => ({ text, shared: true })),
  ];
}

/** The part of base64 that a secret alone decides, when it begins at that byte of three. */
function base64Within(bytes: Buffer, offset: number): readonly string[] {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const own = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.byteLength) * 8) / 6));
  return [own, own.replaceAll('+', '-').replaceAll('/', '_')];
}

type Decoder = readonly [escapes: RegExp, decode: (escape: string) => string];

/** An escape that is cut off at the end of the text stands for nothing. */
const DECODERS: readonly Decoder[] = [
  [/%[0-9a-f]{2}|%[0-9a-f]?$/gi, percentDecoded],
  [/%[0-9a-f]{2}|%[0-9a-f]?$|\+/gi, (escape) => (escape === '+' ? ' ' : percentDecoded(escape))],
  [/\\u[0-9a-f]{4}|\\["\\/bfnrt]|\\(?:u[0-9a-f]{0,3})?$/gi, jsonDecoded],
  [/&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|amp|lt|gt|quot|apos);|&[#0-9a-z]{0,8}$/gi, htmlDecoded],
];

function percentDecoded(escape: string): string {
  return escape.length < 3 ? '' : String.fromCharCode(Number.parseInt(escape.slice(1), 16));
}

const JSON_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

function jsonDecoded(escape: string): string {
  if (escape.length === 6) return String.fromCharCode(Number.parseInt(escape.slice(2), 16));
  if (escape.length !== 2 || escape === '\\u') return '';
  return JSON_ESCAPES[escape.charAt(1)] ?? escape.charAt(1);
}

const HTML_ESCAPES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

function htmlDecoded(escape: string): string {
  if (!escape.endsWith(';')) return '';
  const name = escape.slice(1, -1).toLowerCase();
  const digits = /^#(?<hex>x)?(?<digits>.+)$/.exec(name)?.groups;
  if (digits === undefined) return HTML_ESCAPES[name] ?? '';
  const code = Number.parseInt(digits['digits'] ?? '', digits['hex'] === undefined ? 10 : 16);
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}

/** The text as it is, and as each order of escaping may have made it from another one. */
function viewsOf(text: string): readonly View[] {
  const views = new Map<string, View>([
    [text, { text, starts: Array.from({ length: text.length + 1 }, (_, index) => index) }],
  ]);
  let latest: readonly View[] = [...views.values()];
  for (let depth = 0; depth < ESCAPED_AT_MOST; depth += 1) {
    latest = latest
      .flatMap((view) => DECODERS.map((decoder) => decodedView(view, decoder)))
      .filter((view) => !views.has(view.text) && views.set(view.text, view).has(view.text));
  }
  return [...views.values()];
}

function decodedView({ text, starts }: View, [escapes, decode]: Decoder): View {
  const pieces: string[] = [];
  const decodedStarts: number[] = [];
  let at = 0;
  const keep = (to: number): void => {
    pieces.push(text.slice(at, to));
    for (; at < to; at += 1) decodedStarts.push(starts[at] ?? 0);
  };
  for (const { 0: escape, index } of text.matchAll(escapes)) {
    keep(index);
    const decoded = decode(escape);
    pieces.push(decoded);
    for (let unit = 0; unit < decoded.length; unit += 1) decodedStarts.push(starts[index] ?? 0);
    at = index + escape.length;
  }
  keep(text.length);
  return { text: pieces.join(''), starts: [...decodedStarts, starts.at(-1) ?? 0] };
}

function spansOf(view: View, { text: form, shared }: Form, isCut: boolean): readonly Span[] {
  const spans: Span[] = [];
  const add = (from: number, to: number): void => {
    const [begin, end] = shared ? widened(view.text, from, to) : [from, to];
    spans.push([view.starts[begin] ?? 0, view.starts[end] ?? 0]);
  };
  for (let at = view.text.indexOf(form); at >= 0; at = view.text.indexOf(form, at + 1)) add(at, at + form.length);
  const begun = isCut ? beginningAtEnd(view.text, form) : 0;
  if (begun > 0) add(view.text.length - begun, view.text.length);
  return spans;
}

/** Over the characters at its edges, each of which holds some bits of the secret. */
function widened(text: string, from: number, to: number): Span {
  const before = /[\w+/-]{0,2}$/.exec(text.slice(Math.max(0, from - 2), from))?.[0].length ?? 0;
  const after = /^[\w+/-]{0,2}={0,2}/.exec(text.slice(to, to + 4))?.[0].length ?? 0;
  return [from - before, to + after];
}

/** With how many characters of a form the text ends. */
function beginningAtEnd(text: string, form: string): number {
  for (let length = Math.min(form.length - 1, text.length); length > 0; length -= 1) {
    if (form.startsWith(text.slice(text.length - length))) return length;
  }
  return 0;
}

/** What overlaps or touches is one. */
function withoutSpans(text: string, spans: readonly Span[]): string {
  let shown = '';
  let end = -1;
  for (const [from, to] of [...spans].sort(([a], [b]) => a - b)) {
    if (from > end) shown += text.slice(Math.max(end, 0), from) + REDACTED;
    end = Math.max(end, to);
  }
  return shown + text.slice(Math.max(end, 0));
}
