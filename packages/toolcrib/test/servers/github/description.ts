import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ajv2019, type ValidateFunction } from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import { isObject, toJsonSchema, type Json, type JsonObject } from './json-schema.ts';

/** One parameter of an operation. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required: boolean;
  readonly schema: Json;
}

/** One operation as GitHub's OpenAPI description has it. */
export interface Operation {
  /** E.g. `GET /repos/{owner}/{repo}/releases`. */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Schemas of the body by media type; undefined when it takes none. */
  readonly body: { readonly required: boolean; readonly content: JsonObject } | undefined;
  /** By status; with schemas of their bodies by media type, where described. */
  readonly responses: ReadonlyMap<number, JsonObject | undefined>;
  /** True when the description puts it on a host of its own, as uploads are. */
  readonly ownHost: boolean;
}

const PATH = createRequire(import.meta.url).resolve('@octokit/openapi/generated/api.github.com.json');

let loaded: JsonObject | undefined;

/** The 13 MB of it take a tenth of a second, once in a process. */
function description(): JsonObject {
  const parsed: unknown = loaded ?? JSON.parse(readFileSync(PATH, 'utf8'));
  if (!isObject(parsed)) throw new Error(`${PATH} is no description`);
  loaded = parsed;
  return parsed;
}

function at(root: Json | undefined, ...keys: readonly string[]): JsonObject | undefined {
  let value = root;
  for (const key of keys) value = isObject(value) ? value[key] : undefined;
  return isObject(value) ? value : undefined;
}

/** Follows a reference to a component, if it is one. */
function dereferenced(value: Json | undefined): JsonObject {
  if (!isObject(value)) throw new Error('the description has something else where an object should be');
  const reference = value['$ref'];
  if (typeof reference !== 'string') return value;
  const found = at(description(), ...reference.replace('#/', '').split('/'));
  if (found === undefined) throw new Error(`the description lacks ${reference}`);
  return found;
}

/**
 * An example of the description, of a list the first: an answer as GitHub gives it, for stand-ins that care for a few of its many properties.
 * @throws Error when there is none of that name.
 */
export function describedExample(name: string): JsonObject {
  const value = at(description(), 'components', 'examples', name)?.['value'];
  const first = Array.isArray(value) ? list(value)[0] : value;
  if (!isObject(first)) throw new Error(`GitHub's description has no example ${name}`);
  return first;
}

/** @throws Error when GitHub has no such operation. */
export function describedOperation(name: string): Operation {
  const [method = '', path = ''] = name.split(' ');
  const operation = at(description(), 'paths', path, method.toLowerCase());
  if (operation === undefined) throw new Error(`GitHub's description has no ${name}`);
  const body = operation['requestBody'];
  return {
    name,
    parameters: list(operation['parameters']).map(parameterOf),
    body: body === undefined ? undefined : bodyOf(dereferenced(body)),
    responses: new Map(
      Object.entries(at(operation, 'responses') ?? {}).map(([status, response]) => [
        Number(status),
        at(dereferenced(response), 'content'),
      ]),
    ),
    ownHost: Array.isArray(operation['servers']),
  };
}

function list(value: Json | undefined): readonly Json[] {
  return isList(value) ? value : [];
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function parameterOf(value: Json): Parameter {
  const parameter = dereferenced(value);
  const { name, in: place, required, schema } = parameter;
  if (typeof name !== 'string' || (place !== 'path' && place !== 'query' && place !== 'header')) {
    throw new Error(`a parameter that nobody understands: ${JSON.stringify(parameter)}`);
  }
  return { name, in: place, required: required === true, schema: schema ?? {} };
}

function bodyOf(body: JsonObject): Operation['body'] {
  return { required: body['required'] === true, content: at(body, 'content') ?? {} };
}

/** Schemas of errors that GitHub's documentation names for all operations, and the description for some. */
export const GENERAL_ERROR: Json = { $ref: '#/components/schemas/basic-error' };
export const VALIDATION_ERROR: Json = { $ref: '#/components/schemas/validation-error' };

const ajv = new Ajv2019({ strict: false, allErrors: true, logger: false });
addFormats.default(ajv);
const validators = new Map<string, ValidateFunction>();
const known = new Set<string>();

/** Makes a component known to the validator, with all that it refers to. @returns the name it is known by. */
function refer(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1);
  if (!known.has(name)) {
    known.add(name);
    ajv.addSchema(asSchema(toJsonSchema(corrected(name, dereferenced({ $ref: reference })), refer)), name);
  }
  return name;
}

function asSchema(schema: Json): object {
  return isObject(schema) ? schema : {};
}

/**
 * The one correction: the description's list of an asset's states lacks `starter`, which its own text on uploading (and
 * GitHub) gives an upload that broke off.
 */
function corrected(name: string, schema: JsonObject): JsonObject {
  if (name !== 'release-asset') return schema;
  const state = { type: 'string', enum: ['uploaded', 'open', 'starter'] };
  return { ...schema, properties: { ...at(schema, 'properties'), state } };
}

/**
 * Compares a value with a schema of the description.
 * @param exact true: properties that the description does not name are faults, too, at the top.
 * @returns what is wrong; empty when nothing is.
 */
export function faultsOf(value: unknown, schema: Json, exact: boolean): readonly string[] {
  const key = `${exact} ${JSON.stringify(schema)}`;
  const validate = validators.get(key) ?? ajv.compile(asSchema(compilable(schema, exact)));
  validators.set(key, validate);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
}

function compilable(schema: Json, exact: boolean): Json {
  const plain = toJsonSchema(schema, refer);
  if (!exact || !isObject(plain)) return plain;
  if (isObject(plain['items'])) return { ...plain, items: { ...plain['items'], unevaluatedProperties: false } };
  return { ...plain, unevaluatedProperties: false };
}
