import { keyedDigest, redactionKeyId, type RedactionKey } from './key.ts';
import { mayHoldSecret, PLACEHOLDER, secretSpans } from './secret-shapes.ts';

/** What is looked for: shapes and the values of credential flags, shapes alone, or (unsafe) nothing. */
export type RedactionMode = 'shape_and_flag' | 'shape_only' | 'disabled_unsafe';

/** What observation health tells about redaction: counts, never values or their lengths. */
export interface RedactionSummary {
  readonly mode: string;
  readonly redacted_count: number;
  readonly by_rule: Readonly<Record<string, number>>;
  readonly by_field: Readonly<Record<string, number>>;
  readonly key_scope: string;
  readonly key_id: string;
}

/** Replaces secrets before anything is hashed or written, and counts. */
export interface Redactor {
  /** Any text: every shape in it, and `user:pass@` in URLs. */
  text(field: string, value: string): string;
  /** A command line: like texts, and what follows a credential flag whatever its shape. */
  commandLine(field: string, argv: readonly string[]): readonly string[];
  summary(): RedactionSummary;
}

/** Flags whose value is a credential, compared without case. From `core/redact.rs`, see formats.md 6. */
const CREDENTIAL_FLAGS: ReadonlySet<string> = new Set([
  '--token',
  '--api-key',
  '--apikey',
  '--api_key',
  '--key',
  '--secret',
  '--client-secret',
  '--password',
  '--passwd',
  '--pass',
  '-p',
  '--access-key',
  '--access-token',
  '--auth',
  '--authorization',
  '--bearer',
]);

const FLAG_RULE = 'credential-flag-value';
const USERINFO_RULE = 'url-userinfo';
/** `user:pass` between `://` and the last `@` of the authority: a password that nobody escaped may have one in it. */
const USERINFO = /(?<=[a-zA-Z][a-zA-Z0-9+.-]{0,31}:\/\/)[^/?#:\s]*:[^/?#\s]*(?=@)/g;

function isPlaceholder(text: string): boolean {
  return text.startsWith('<redacted:') && text.replaceAll(PLACEHOLDER, '') === '';
}

/** Whether a colon parts it. One within a placeholder was not there before: that part was redacted already. */
function isPair(userinfo: string): boolean {
  return userinfo.replaceAll(PLACEHOLDER, '').includes(':');
}

function isCredentialFlag(text: string): boolean {
  return CREDENTIAL_FLAGS.has(text.toLowerCase());
}

export function createRedactor(key: RedactionKey, mode: RedactionMode = 'shape_and_flag'): Redactor {
  const counts = { total: 0, byRule: new Map<string, number>(), byField: new Map<string, number>() };

  const placeholder = (field: string, rule: string, secret: string): string => {
    counts.total += 1;
    counts.byRule.set(rule, (counts.byRule.get(rule) ?? 0) + 1);
    counts.byField.set(field, (counts.byField.get(field) ?? 0) + 1);
    return `<redacted:${rule}:${keyedDigest(key, secret)}>`;
  };

  /** What is a placeholder already is not hidden again. */
  const once = (field: string, rule: string, secret: string): string =>
    isPlaceholder(secret) ? secret : placeholder(field, rule, secret);

  const userinfo = (field: string, value: string): string =>
    value.includes('://')
      ? value.replace(USERINFO, (pair) => (isPair(pair) ? placeholder(field, USERINFO_RULE, pair) : pair))
      : value;

  const shapes = (field: string, value: string): string => {
    if (!mayHoldSecret(value)) return value;
    let out = '';
    let at = 0;
    for (const span of secretSpans(value)) {
      out += value.slice(at, span.start) + placeholder(field, span.rule, value.slice(span.start, span.end));
      at = span.end;
    }
    return out + value.slice(at);
  };

  const text = (field: string, value: string): string => {
    if (mode === 'disabled_unsafe') return value;
    const redacted = shapes(field, userinfo(field, value));
    // A shape with a blank in it can have hidden that user and password stand there.
    return redacted === value ? value : userinfo(field, redacted);
  };

  const argument = (field: string, value: string, before: string | undefined, isProgram: boolean): string => {
    if (mode === 'disabled_unsafe') return value;
    const flags = mode === 'shape_and_flag' && !isProgram;
    if (flags && before !== undefined && value !== '') return once(field, FLAG_RULE, value);
    const equals = value.indexOf('=');
    if (flags && equals > 0 && equals < value.length - 1 && isCredentialFlag(value.slice(0, equals))) {
      return `${value.slice(0, equals)}=${once(field, FLAG_RULE, value.slice(equals + 1))}`;
    }
    return text(field, value);
  };

  return {
    text,
    commandLine(field, argv) {
      let flag: string | undefined;
      return argv.map((value, index) => {
        const redacted = argument(field, value, flag, index === 0);
        // Also one that is itself hidden as a value: `-p` of many programs takes none.
        flag = index > 0 && isCredentialFlag(value) ? value : undefined;
        return redacted;
      });
    },
    summary: () => ({
      mode,
      redacted_count: counts.total,
      by_rule: sortedRecord(counts.byRule),
      by_field: sortedRecord(counts.byField),
      key_scope: key.scope,
      key_id: redactionKeyId(key),
    }),
  };
}

/** Names of rules and fields are ASCII: plain order is code point order. */
function sortedRecord(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
