import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { parseDocument } from '../../core/json-document.ts';

/** The entry of a pack that says what its extension offers. */
export const DESCRIBE_NAME = 'describe.json';

/** A secret that a tool of an extension needs. */
export interface SecretRequirement {
  readonly key: string;
  readonly required: boolean;
  /** Null where nothing is said, as of the format. */
  readonly description: string | null;
  readonly format: string | null;
}

/** A tool of an extension, as far as it is read here. */
export interface DescribedTool {
  readonly name: string;
  readonly secrets: readonly SecretRequirement[];
}

const text = z.nullish(z.string());
const secretSchema = z.object({
  key: z.string(),
  required: z.nullish(z.boolean()),
  description: text,
  format: text,
});
const toolSchema = z.object({ name: z.string(), secret_requirements: z.nullish(z.array(secretSchema)) });
const describeSchema = z.object({
  contributions: z.nullish(z.object({ tools: z.nullish(z.array(toolSchema)) })),
});

/**
 * Reads of a `describe.json` what tools need; everything else in it is somebody else's (docs/guides/extension-packs.md).
 * @param refuse makes the error of what is wrong with it.
 */
export function parseDescribe(document: Uint8Array, refuse: (what: string) => Error): readonly DescribedTool[] {
  const { contributions } = parseDocument(describeSchema, document, refuse);
  return (contributions?.tools ?? []).map(({ name, secret_requirements: secrets }) => ({
    name,
    secrets: (secrets ?? []).map(({ key, required, description, format }) => ({
      key,
      required: required ?? true,
      description: description ?? null,
      format: format ?? null,
    })),
  }));
}
