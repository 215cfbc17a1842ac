/**
 * The arguments of a system call as strace writes them under `-x -X raw`: flags and constants as numbers, strings in C's
 * escapes. Only what {@link callsFrom} looks at is understood; everything else is a word.
 */
export type TracedValue =
  /** Of bytes, each a character from 0 to 255. `cut`: strace read no further. `isAbstract`: a socket's name after NUL. */
  | { readonly kind: 'string'; readonly bytes: string; readonly cut: boolean; readonly isAbstract: boolean }
  /** `{…}` and `[…]`. */
  | { readonly kind: 'group'; readonly items: readonly TracedItem[] }
  /** A number, an address, `NULL`, or what is not understood. */
  | { readonly kind: 'word'; readonly text: string }
  /** What strace writes as a call, e.g. `htons(80)`. */
  | { readonly kind: 'wrapped'; readonly name: string; readonly items: readonly TracedItem[] };

/** An argument or a field; `name=` where strace writes one. */
export interface TracedItem {
  readonly name?: string;
  readonly value: TracedValue;
}

/** Arguments, and where the closing parenthesis was. */
export interface TracedList {
  readonly items: readonly TracedItem[];
  /** Index after the closing bracket. */
  readonly end: number;
}

const MAX_DEPTH = 16;
const NAME = /[a-z_][a-z0-9_]*=/y;
const WORD = /[^\s"'(){}[\],=]+/y;

/**
 * Reads a list up to its closing bracket.
 * @param at index after the opening bracket.
 * @returns undefined when the text is no such list.
 */
export function readList(text: string, at: number, close: ')' | '}' | ']', depth = 0): TracedList | undefined {
  if (depth > MAX_DEPTH) return undefined;
  const items: TracedItem[] = [];
  let index = skipBlank(text, at);
  while (text[index] !== close) {
    const name = match(NAME, text, index);
    const value = readValue(text, index + (name?.length ?? 0), depth);
    if (value === undefined) return undefined;
    items.push(name === undefined ? { value: value.value } : { name: name.slice(0, -1), value: value.value });
    index = skipBlank(text, value.end);
    if (text[index] === ',') index = skipBlank(text, index + 1);
    else if (text[index] !== close) return undefined;
  }
  return { items, end: index + 1 };
}

interface Read {
  readonly value: TracedValue;
  readonly end: number;
}

/** A value and what strace adds to it: a comment, `=> …` for what the kernel wrote there, operators between words. */
function readValue(text: string, at: number, depth: number): Read | undefined {
  const first = readOne(text, at, depth);
  if (first === undefined) return undefined;
  let { end } = first;
  for (;;) {
    const next = skipBlank(text, end);
    if (text.startsWith('=>', next)) {
      const after = readOne(text, skipBlank(text, next + 2), depth);
      if (after === undefined) return undefined;
      end = after.end;
    } else if (next > end && next < text.length && !/[,)}\]]/.test(text[next] ?? '')) {
      // More words belong to it, as in `a or b`.
      const more = readOne(text, next, depth);
      if (more === undefined) return undefined;
      end = more.end;
    } else return { value: first.value, end };
  }
}

function readOne(text: string, at: number, depth: number): Read | undefined {
  const first = text[at];
  if (first === '"') return readString(text, at, false);
  if (first === '@' && text[at + 1] === '"') return readString(text, at + 1, true);
  if (first === '{' || first === '[') {
    const list = readList(text, at + 1, first === '{' ? '}' : ']', depth + 1);
    return list && { value: { kind: 'group', items: list.items }, end: list.end };
  }
  const word = match(WORD, text, at);
  if (word === undefined) return undefined;
  const end = at + word.length;
  if (text[end] === '(') {
    const list = readList(text, end + 1, ')', depth + 1);
    return list && { value: { kind: 'wrapped', name: word, items: list.items }, end: list.end };
  }
  return { value: { kind: 'word', text: word }, end };
}

/** @param at index of the opening quote. */
function readString(text: string, at: number, isAbstract: boolean): Read | undefined {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  if (text[end] !== '"') return undefined;
  const bytes = unescaped(text.slice(at + 1, end));
  if (bytes === undefined) return undefined;
  const cut = text.startsWith('...', end + 1);
  return { value: { kind: 'string', bytes, cut, isAbstract }, end: end + (cut ? 4 : 1) };
}

const ESCAPE = /\\(?:x(?<hex>[0-9a-f]{2})|(?<octal>[0-7]{1,3})|(?<one>[\\"abefnrtv]))/gy;
const ONE: Readonly<Record<string, string>> = {
  '\\': '\\',
  '"': '"',
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

function unescaped(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  let bytes = '';
  for (let at = 0; at < text.length;) {
    if (text[at] !== '\\') {
      bytes += text[at] ?? '';
      at++;
      continue;
    }
    ESCAPE.lastIndex = at;
    const found = ESCAPE.exec(text);
    if (found?.groups === undefined) return undefined;
    const { hex, octal, one } = found.groups;
    const code = hex === undefined ? Number.parseInt(octal ?? '', 8) : Number.parseInt(hex, 16);
    if (one === undefined && code > 255) return undefined;
    bytes += one === undefined ? String.fromCharCode(code) : (ONE[one] ?? '');
    at = ESCAPE.lastIndex;
  }
  return bytes;
}

function match(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Past spaces and comments. */
function skipBlank(text: string, at: number): number {
  let index = at;
  for (;;) {
    while (text[index] === ' ') index++;
    if (!text.startsWith('/*', index)) return index;
    const end = text.indexOf('*/', index + 2);
    if (end === -1) return index;
    index = end + 2;
  }
}

/** `0x80000`, `0600`, `-100`, `3`; undefined for what is no number, e.g. `NULL`. */
export function numberOf(value: TracedValue | undefined): number | undefined {
  if (value?.kind !== 'word' || !/^-?(?:0x[0-9a-f]+|[0-9]+)$/.test(value.text)) return undefined;
  const digits = value.text.replace('-', '');
  const number = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return value.text.startsWith('-') ? -number : number;
}

/** The value of a field. */
export function fieldOf(value: TracedValue | undefined, name: string): TracedValue | undefined {
  return value?.kind === 'group' ? value.items.find((item) => item.name === name)?.value : undefined;
}
