import type { IncomingMessage } from 'node:http';
import type { Answer } from './answers.ts';
import { describedOperation, faultsOf, GENERAL_ERROR, VALIDATION_ERROR, type Operation } from './description.ts';
import { isObject, type Json, type JsonObject } from './json-schema.ts';
import type { GithubState, Repository } from './state.ts';

/** A request that is as GitHub describes it, by somebody who may make it. */
export interface GithubCall {
  readonly state: GithubState;
  readonly repository: Repository;
  /** Parts of the path and of the query by name; numbers where the description says so. */
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** The JSON body; empty when there is none. */
  readonly body: JsonObject;
  /** The request itself, for routes whose body is bytes. */
  readonly request: IncomingMessage;
  /** Absolute. */
  readonly url: URL;
  /** Whether the token has the right to write. */
  readonly mayWrite: boolean;
  /** Of this GitHub, without slashes at the ends. */
  readonly hosts: GithubHosts;
}

export interface GithubHosts {
  readonly api: string;
  readonly uploads: string;
  readonly web: string;
  readonly objects: string;
}

export interface Route {
  /** As in the description, e.g. `GET /repos/{owner}/{repo}/releases/{release_id}`. */
  readonly operation: string;
  /** Who may: everybody who sees the repository, or only who may write to it. */
  readonly access: 'read' | 'write';
  handle(call: GithubCall): Answer | Promise<Answer>;
}

/** A route with what the description says of it. */
export interface DescribedRoute extends Route {
  readonly described: Operation;
  readonly method: string;
  readonly pattern: RegExp;
  /** How many parts of the path are not given by name: routes with more are looked at first. */
  readonly literal: number;
}

/** @throws Error for an operation that GitHub does not have. */
export function describeRoutes(routes: readonly Route[]): readonly DescribedRoute[] {
  const described = routes.map((route): DescribedRoute => {
    const [method = '', path = ''] = route.operation.split(' ');
    const segments = path.split('/').map((segment) => (segment.startsWith('{') ? '([^/]+)' : segment));
    return {
      operation: route.operation,
      access: route.access,
      handle: (call) => route.handle(call),
      described: describedOperation(route.operation),
      method,
      pattern: new RegExp(`^${segments.join('/')}$`),
      literal: segments.filter((segment) => !segment.startsWith('(')).length,
    };
  });
  return described.sort((a, b) => b.literal - a.literal);
}

/** Parameters of a request, compared with the description. */
export function readParameters(
  { operation, described, pattern }: DescribedRoute,
  url: URL,
  path: string,
): { readonly parameters: GithubCall['parameters']; readonly faults: readonly string[] } {
  const names = [...operation.matchAll(/\{([^}]+)\}/g)].map((match) => match[1] ?? '');
  const parts = (pattern.exec(path) ?? []).slice(1).map(decodeURIComponent);
  const given = new Map([
    ...names.map((name, index): [string, string] => [name, parts[index] ?? '']),
    ...url.searchParams,
  ]);
  const faults: string[] = [];
  const parameters: Record<string, string | number | boolean> = {};
  for (const { name, in: place, required, schema } of described.parameters) {
    const text = given.get(name);
    given.delete(name);
    if (text === undefined) {
      if (required && place !== 'header') faults.push(`parameter ${name} is missing`);
      continue;
    }
    const value = typed(text, schema);
    parameters[name] = value;
    faults.push(...faultsOf(value, schema, false).map((fault) => `parameter ${name}: ${fault}`));
  }
  faults.push(...[...given.keys()].map((name) => `there is no parameter ${name}`));
  return { parameters, faults };
}

function typed(text: string, schema: Json): string | number | boolean {
  const type = isObject(schema) ? schema['type'] : undefined;
  if (type === 'integer' && /^-?[0-9]+$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(?:true|false)$/.test(text)) return text === 'true';
  return text;
}

/** What the headers of every request have to be: GitHub's documentation, "Getting started with the REST API". */
export function headerFaults({ headers }: IncomingMessage, { described }: DescribedRoute): readonly string[] {
  const faults: string[] = [];
  if (!headers['user-agent']) faults.push('there is no user agent');
  if (headers['x-github-api-version'] !== '2022-11-28') faults.push('no API version that is known');
  if (!/^(?:application\/(?:vnd\.github[a-z0-9.+-]*|json|octet-stream|zip)|\*\/\*)/.test(headers.accept ?? '')) {
    faults.push(`accepts ${headers.accept ?? 'nothing'}`);
  }
  const hasBody = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
  if (hasBody && described.body === undefined) faults.push('takes no body and was given one');
  if (!hasBody && described.body?.required === true) faults.push('needs a body');
  const types = Object.keys(described.body?.content ?? {});
  const type = headers['content-type']?.split(';')[0]?.trim();
  if (hasBody && !types.includes(type ?? '')) faults.push(`has a body of type ${type ?? 'nothing'}`);
  if (headers['transfer-encoding'] !== undefined) faults.push('does not say how long its body is');
  return faults;
}

/** A JSON body, compared with the description. */
export function bodyFaults(body: unknown, { described }: DescribedRoute): readonly string[] {
  const json = described.body?.content['application/json'];
  const schema = isObject(json) ? json['schema'] : undefined;
  return schema === undefined ? [] : faultsOf(body, schema, true).map((fault) => `body: ${fault}`);
}

/**
 * An answer, compared with the description. Errors that the description does not name for an operation but GitHub's
 * documentation does for all (no rights, limits, validation, its own failures) have the general form.
 */
export function answerFaults(answer: Answer, { described }: DescribedRoute): readonly string[] {
  const { status, json } = answer;
  const content = described.responses.get(status);
  const media = content?.['application/json'];
  const schema = isObject(media) ? media['schema'] : undefined;
  if (schema !== undefined && json !== undefined)
    return faultsOf(json, schema, true).map((fault) => `answer: ${fault}`);
  if (status >= 400) {
    return faultsOf(json, status === 422 ? VALIDATION_ERROR : GENERAL_ERROR, true).map((fault) => `answer: ${fault}`);
  }
  if (described.responses.has(status)) {
    return json === undefined ? [] : [`answer: ${status} has no JSON`];
  }
  return answer.bytes === undefined || status !== 200 ? [`answer: ${status} is not described`] : [];
}
