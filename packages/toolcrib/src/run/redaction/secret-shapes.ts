/** A shape that secrets have. The table is `assay.secret-rules.v1`, shared by everything that reads such archives. */
export interface SecretShape {
  /** Named in placeholders and counts. */
  readonly rule: string;
  /** Global, so that all places in a text are found. */
  readonly pattern: RegExp;
}

/** In the order of the table. A test compares them with the published one. */
export const SECRET_SHAPES: readonly SecretShape[] = [
  { rule: 'aws-access-key-id', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  { rule: 'github-token', pattern: /\bgh[pousr]_[A-Za-z0-9]{36,}\b/g },
  { rule: 'openai-key', pattern: /\bsk-(?:proj-)?[A-Za-z0-9_-]{20,}\b/g },
  { rule: 'slack-token', pattern: /\bxox[baprs]-[A-Za-z0-9-]{10,}\b/g },
  { rule: 'google-api-key', pattern: /\bAIza[0-9A-Za-z_-]{35}\b/g },
  { rule: 'stripe-key', pattern: /\b[sp]k_(?:live|test)_[0-9A-Za-z]{16,}\b/g },
  { rule: 'private-key-pem', pattern: /-----BEGIN (?:[A-Z ]*)PRIVATE KEY-----/g },
  { rule: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b/g },
  { rule: 'bearer-token', pattern: /\bbearer\s+[A-Za-z0-9._~+/-]{20,}=*/gi },
  {
    rule: 'sensitive-query-param',
    pattern: /\b(?:access[_-]?token|refresh[_-]?token|sig|signature)=[^&\s#"']{6,}/gi,
  },
  {
    rule: 'credential-assignment',
    pattern: /\b(?:api[_-]?key|secret|token|password|passwd|access[_-]?key|client[_-]?secret)\b\s*[=:]\s*[^\s'"]{6,}/gi,
  },
];

/** What stands in the place of a secret: `<redacted:RULE:H8>`. Nothing in it is a shape. */
export const PLACEHOLDER = /<redacted:[a-z-]+:[0-9a-f]{8}>/g;

/** A place in a text that has a shape. */
export interface SecretSpan {
  readonly rule: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Places that have a shape, from left to right. Overlapping ones are one place, under the rule of the one that starts
 * first (of two that start together, the longer one). Placeholders are passed over and end a shape.
 */
export function secretSpans(text: string): readonly SecretSpan[] {
  const spans: SecretSpan[] = [];
  let at = 0;
  for (const placeholder of text.matchAll(PLACEHOLDER)) {
    spans.push(...spansWithin(text.slice(at, placeholder.index), at));
    at = placeholder.index + placeholder[0].length;
  }
  spans.push(...spansWithin(text.slice(at), at));
  return spans;
}

function spansWithin(text: string, offset: number): readonly SecretSpan[] {
  const found = SECRET_SHAPES.flatMap((shape) =>
    [...rangesOf(shape, text)].map((range) => ({ rule: shape.rule, ...range })),
  );
  const sorted = found.length < 2 ? found : merge(found.sort((a, b) => a.start - b.start || b.end - a.end));
  return sorted.map(({ rule, start, end }) => ({ rule, start: offset + start, end: offset + end }));
}

/**
 * What no shape goes without: its fixed beginning, or the last letter of its word before a blank, `=` or `:`. One look for
 * all of them, because nearly every text has none; a property compares it with the shapes.
 */
const TRACE =
  /AKIA|ASIA|gh[pousr]_|sk-|xox[baprs]-|AIza|[sp]k_|-----BEGIN|\.eyJ|[rR]\s|[yYtTnNdDgGeE]\s*=|[yYtTnNdD]\s*:/;

/** Whether any shape may be in a text: the cheap look before {@link secretSpans}. Placeholders do not matter to it. */
export function mayHoldSecret(text: string): boolean {
  // Called for every line of a layer: no iterators, and a plain search before the pattern that is hard to search for.
  if (!TRACE.test(text)) return false;
  return SECRET_SHAPES.some(({ rule, pattern }) =>
    rule === 'jwt' ? text.includes('.eyJ') && jwtRanges(text).next().done !== true : text.search(pattern) >= 0,
  );
}

function rangesOf(shape: SecretShape, text: string): Generator<Range> {
  return shape.rule === 'jwt' ? jwtRanges(text) : patternRanges(shape.pattern, text);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function* patternRanges(pattern: RegExp, text: string): Generator<Range> {
  for (const match of text.matchAll(pattern)) yield { start: match.index, end: match.index + match[0].length };
}

/**
 * A whole run of letters before the first dot of a token, what follows looked at in advance. The pattern of the table
 * takes quadratic time where `-eyJ` is repeated; this one looks at each run once.
 */
const JWT_RUN = /(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{13,})(?=(\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b))/g;
const JWT_HEAD = /\beyJ[A-Za-z0-9_-]{10,}$/;

/** The places of the pattern of the table; where tokens follow each other without a gap, they may overlap. */
function* jwtRanges(text: string): Generator<Range> {
  for (const match of text.matchAll(JWT_RUN)) {
    const [, run = '', tail = ''] = match;
    const head = JWT_HEAD.exec(run);
    if (head !== null) yield { start: match.index + head.index, end: match.index + run.length + tail.length };
  }
}

function merge(sorted: readonly SecretSpan[]): readonly SecretSpan[] {
  const merged: SecretSpan[] = [];
  for (const span of sorted) {
    const last = merged.at(-1);
    if (last === undefined || span.start >= last.end) merged.push(span);
    else if (span.end > last.end) merged[merged.length - 1] = { ...last, end: span.end };
  }
  return merged;
}

/** The rule of the first shape in a text; undefined when there is none. */
export function secretRuleIn(text: string): string | undefined {
  return secretSpans(text)[0]?.rule;
}
