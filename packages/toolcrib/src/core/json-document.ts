import type * as z from 'zod/mini';
import { messageOf } from './errors.ts';
import { faultOfJson } from './json-structure.ts';
import { describeIssues } from './schema-issues.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** No document that is read here comes near. */
const LIMITS = { maxDepth: 100, maxValues: 200_000 };

/**
 * Reads a JSON document of a known shape. Where it comes as bytes, they are UTF-8, else it is none. No key stands twice in
 * one object; nesting and the number of values have limits, also where the shape says nothing about them.
 * @param refuse makes the error of what is wrong with it.
 */
export function parseDocument<T>(
  schema: z.ZodMiniType<T>,
  document: Uint8Array | string,
  refuse: (what: string) => Error,
): T {
  const value = parseJson(document, refuse);
  const parsed = attempt(schema, value, refuse);
  if (parsed.success) return parsed.data;
  throw refuse(describeIssues(parsed.error));
}

function parseJson(document: Uint8Array | string, refuse: (what: string) => Error): unknown {
  let text: string;
  let value: unknown;
  try {
    text = typeof document === 'string' ? document : UTF8.decode(document);
    value = JSON.parse(text);
  } catch (error) {
    throw refuse(messageOf(error));
  }
  const fault = faultOfJson(text, LIMITS);
  if (fault !== undefined) throw refuse(fault);
  return value;
}

/** zod hands over all issues of a list as arguments of one call, and so many do not fit. */
function attempt<T>(schema: z.ZodMiniType<T>, value: unknown, refuse: (what: string) => Error) {
  try {
    return schema.safeParse(value);
  } catch (error) {
    throw error instanceof RangeError ? refuse('more is wrong with it than can be told') : error;
  }
}
