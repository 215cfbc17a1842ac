import { quoted } from '../../core/printable.ts';
import { secretRuleIn } from '../redaction/secret-shapes.ts';
import { LOG_LIMITS, runLogError, type RunLogLine } from './run-log.ts';

/** The fields of one line, by their names; a dot leads into an object. Every text comes out trimmed. */
export interface LogFields {
  /** @throws UsageError `RUN_LOG_INVALID` unless it is a text that is not blank. */
  text(field: string): string;
  /** Null for what is missing, blank, or no text. @throws UsageError `RUN_LOG_INVALID` for a text that is too long. */
  optionalText(field: string): string | null;
  /** @throws UsageError `RUN_LOG_INVALID` unless it is an object. */
  object(field: string): void;
  /** @throws UsageError `RUN_LOG_INVALID` unless it is a whole number from 0. */
  count(field: string): number;
  /** @throws UsageError `RUN_LOG_INVALID` unless it is this very text. */
  literal(field: string, expected: string): void;
  /** What is wrong with a field, as an error. @param problem without a subject, e.g. `is missing`. */
  error(field: string, problem: string, hint?: string): Error;
}

/** What comes out is as it stands in the log: not redacted. */
export function fieldsOf({ log, number, value }: RunLogLine): LogFields {
  const error = (field: string, problem: string, hint?: string): Error =>
    runLogError(log, problem, { line: number, field, hint });
  const optionalText = (field: string): string | null => {
    const found = at(value, field);
    const text = typeof found === 'string' ? found.trim() : '';
    if (text.length > LOG_LIMITS.text) throw error(field, `is longer than ${LOG_LIMITS.text} characters`);
    return text === '' ? null : text;
  };
  const wrongType = (field: string, expected: string): Error => {
    const found = at(value, field);
    const isMissing = found === undefined || found === null || typeof found === 'string';
    return error(field, isMissing ? 'is missing' : `must be ${expected}, it is ${typeName(found)}`);
  };
  return {
    error,
    optionalText,
    text(field) {
      const text = optionalText(field);
      if (text === null) throw wrongType(field, 'a text');
      return text;
    },
    object(field) {
      const found = at(value, field);
      if (typeof found !== 'object' || found === null || Array.isArray(found)) throw wrongType(field, 'an object');
    },
    count(field) {
      const found = at(value, field);
      if (typeof found === 'number' && Number.isSafeInteger(found) && found >= 0) return found;
      throw found === undefined ? error(field, 'is missing') : error(field, 'must be a whole number from 0');
    },
    literal(field, expected) {
      const found = at(value, field);
      if (found === expected) return;
      if (found === undefined) throw error(field, `is missing, it must be ${expected}`);
      throw error(field, `must be ${expected}, it is ${typeof found === 'string' ? shown(found) : typeName(found)}`);
    },
  };
}

/** Somebody else's text for a message: on one line, not all of a long one, and never a secret. */
export function shown(text: string): string {
  const rule = secretRuleIn(text);
  return rule === undefined ? quoted(text, 100) : `something shaped like a secret (${rule})`;
}

function at(value: object, field: string): unknown {
  return field.split('.').reduce<unknown>((inside, name) => ownProperty(inside, name), value);
}

function ownProperty(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}
