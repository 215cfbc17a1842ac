import { quoted } from './printable.ts';

/** How much structure a document may have. */
export interface JsonLimits {
  /** Objects and arrays within each other. */
  readonly maxDepth: number;
  /** All elements and all entries of objects together. Default: any number. */
  readonly maxValues?: number;
}

/** Strings, and the marks that open, part and close; in JSON that parsed nothing else matters here. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/gs;

/**
 * What makes JSON ambiguous or out of all proportion: a key twice in one object, of which `JSON.parse` takes the last and
 * others the first, nesting that recursion does not survive, and more values than anybody can check.
 * @param text JSON that parsed.
 * @returns what is wrong with it; undefined for nothing.
 */
export function faultOfJson(text: string, { maxDepth, maxValues = Infinity }: JsonLimits): string | undefined {
  // For each open object the keys seen so far; undefined for an array.
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  let values = 0;
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') open.push(token === '{' ? new Set() : undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const key = String(JSON.parse(last));
      if (open.at(-1)?.has(key) === true) return `the key ${quoted(key, 100)} stands there twice`;
      open.at(-1)?.add(key);
    } else if (token === ',') values += 1;
    if (open.length > maxDepth) return `nested deeper than ${maxDepth} levels`;
    if (values >= maxValues) return `it has more than ${maxValues} values`;
    last = token;
  }
  return undefined;
}
