import * as z from 'zod/mini';
import { configFileSchema } from './schema.ts';

/** The JSON Schema of `toolcrib.json` that is published with the package. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configFileSchema, { io: 'input', unrepresentable: 'any' });
}
