/** Whatever JSON may be, as the description holds it. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Keywords under which OpenAPI keeps schemas: one, several, or several by name. */
const NESTED = ['items', 'additionalProperties', 'not', 'allOf', 'anyOf', 'oneOf', 'properties'];
/** What OpenAPI 3.0 adds to JSON Schema and no validator needs. */
const ANNOTATIONS = ['example', 'examples', 'xml', 'externalDocs', 'discriminator', 'deprecated', 'nullable'];

/**
 * A schema of OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, annotations go.
 * @param refer what a `$ref` is to be instead.
 */
export function toJsonSchema(schema: Json, refer: (reference: string) => string): Json {
  if (Array.isArray(schema)) return schema.map((each: Json) => toJsonSchema(each, refer));
  if (!isObject(schema)) return schema;
  if (typeof schema['$ref'] === 'string') return { $ref: refer(schema['$ref']) };
  const kept = Object.entries(schema).filter(([key]) => !ANNOTATIONS.includes(key) && !key.startsWith('x-'));
  const converted = Object.fromEntries(
    kept.map(([key, value]) => [key, NESTED.includes(key) ? nested(key, value ?? null, refer) : value]),
  );
  return schema['nullable'] === true ? { anyOf: [converted, { type: 'null' }] } : converted;
}

function nested(key: string, value: Json, refer: (reference: string) => string): Json {
  if (key !== 'properties' || !isObject(value)) return toJsonSchema(value, refer);
  return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, toJsonSchema(schema ?? null, refer)]));
}
