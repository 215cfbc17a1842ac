import { isObject, type Json, type JsonObject } from './json-schema.ts';

/** What names stand for in the expressions of a workflow: `github`, `needs`, `matrix`, … */
export type Contexts = JsonObject;

/**
 * Values of the expressions that the workflows of toolcrib use, as GitHub's documentation ("Evaluate expressions in
 * workflows and actions") has them: paths, `!`, `==`, `&&`, `||` and a few functions.
 * @throws Error for anything else: the stand-in must not guess.
 */
export function evaluate(expression: string, contexts: Contexts): Json {
  const text = expression.trim();
  for (const [operator, combine] of OPERATORS) {
    const [left, ...rest] = splitOutside(text, operator);
    if (rest.length > 0 && left !== undefined) {
      return combine(evaluate(left, contexts), () => evaluate(rest.join(operator), contexts));
    }
  }
  if (text.startsWith('!')) return !isTrue(evaluate(text.slice(1), contexts));
  const call = /^(?<name>[A-Za-z]+)\((?<args>.*)\)$/s.exec(text)?.groups;
  if (call !== undefined) return callFunction(call['name'] ?? '', call['args'] ?? '', contexts);
  const literal = /^'(?<text>(?:[^']|'')*)'$/.exec(text)?.groups?.['text'];
  if (literal !== undefined) return literal.replaceAll("''", "'");
  if (/^(?:true|false|null|-?[0-9]+)$/.test(text)) return json(text);
  if (/^[a-z_]+(?:\.[A-Za-z0-9_-]+)*$/.test(text)) return lookUp(text.split('.'), contexts);
  throw new Error(`an expression that this stand-in does not know: ${text}`);
}

/** A text with its `${{ … }}` replaced, as GitHub does it before a step begins. */
export function interpolate(text: string, contexts: Contexts): string {
  return text.replaceAll(/\$\{\{(.*?)\}\}/gs, (_, expression: string) => asText(evaluate(expression, contexts)));
}

/** What counts as true in a condition. */
export function isTrue(value: Json): boolean {
  return value !== null && value !== false && value !== '' && value !== 0;
}

const OPERATORS: readonly (readonly [string, (left: Json, right: () => Json) => Json])[] = [
  ['||', (left, right) => (isTrue(left) ? left : right())],
  ['&&', (left, right) => (isTrue(left) ? right() : left)],
  ['==', (left, right) => asText(left).toLowerCase() === asText(right()).toLowerCase()],
];

function callFunction(name: string, args: string, contexts: Contexts): Json {
  const [first = null, second = null] =
    args === '' ? [] : splitOutside(args, ',').map((arg) => evaluate(arg, contexts));
  switch (name) {
    case 'always':
      return true;
    case 'cancelled':
      return false;
    case 'toJSON':
      return JSON.stringify(first, null, 2);
    case 'fromJSON':
      return json(asText(first));
    case 'contains':
      return Array.isArray(first) && first.some((each: Json) => asText(each) === asText(second));
    default:
      throw new Error(`a function that this stand-in does not know: ${name}`);
  }
}

/** Parts between separators that stand in no quotes and no parentheses. */
function splitOutside(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let [depth, quoted, begin] = [0, false, 0];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "'") quoted = !quoted;
    if (quoted) continue;
    if (text[at] === '(') depth += 1;
    if (text[at] === ')') depth -= 1;
    if (depth > 0 || !text.startsWith(separator, at)) continue;
    parts.push(text.slice(begin, at));
    begin = at + separator.length;
  }
  return [...parts, text.slice(begin)];
}

function lookUp(path: readonly string[], contexts: Contexts): Json {
  let value: Json | undefined = contexts;
  for (const key of path) value = isObject(value) ? value[key] : undefined;
  return value ?? null;
}

function asText(value: Json): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function json(text: string): Json {
  const value = JSON.parse(text) as Json;
  return value;
}
