import type * as z from 'zod/mini';
import { messageOf } from './errors.ts';
import { describeIssues } from './schema-issues.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads a JSON document of a known shape. Where it comes as bytes, they are UTF-8, else it is none.
 * @param refuse makes the error of what is wrong with it.
 */
export function parseDocument<T>(
  schema: z.ZodMiniType<T>,
  document: Uint8Array | string,
  refuse: (what: string) => Error,
): T {
  const parsed = schema.safeParse(parseJson(document, refuse));
  if (parsed.success) return parsed.data;
  throw refuse(describeIssues(parsed.error));
}

function parseJson(document: Uint8Array | string, refuse: (what: string) => Error): unknown {
  try {
    return JSON.parse(typeof document === 'string' ? document : UTF8.decode(document));
  } catch (error) {
    throw refuse(messageOf(error));
  }
}
