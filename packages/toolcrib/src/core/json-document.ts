import type * as z from 'zod/mini';
import { messageOf } from './errors.ts';
import { describeIssues } from './schema-issues.ts';

/**
 * Reads a JSON document of a known shape. Its bytes are UTF-8, else it is none.
 * @param refuse makes the error of what is wrong with it.
 */
export function parseDocument<T>(schema: z.ZodMiniType<T>, bytes: Uint8Array, refuse: (what: string) => Error): T {
  const parsed = schema.safeParse(parseJson(bytes, refuse));
  if (parsed.success) return parsed.data;
  throw refuse(describeIssues(parsed.error));
}

function parseJson(bytes: Uint8Array, refuse: (what: string) => Error): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw refuse(messageOf(error));
  }
}
