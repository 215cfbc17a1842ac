import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import { UsageError } from '../../../src/core/errors.ts';
import { parseDocument } from '../../../src/core/json-document.ts';
import { failureOf } from './failure.ts';

const schema = z.looseObject({ list: z.optional(z.array(z.object({ name: z.string(), size: z.number() }))) });
const parse = (text: string) =>
  parseDocument(schema, text, (what) => new UsageError('CONFIG_INVALID', `refused: ${what}`));
const refusalOf = (text: string): string => failureOf(() => parse(text)).message;

describe('a JSON document', () => {
  test('is what JSON.parse makes of it, also with bytes', () => {
    const key = fc.string().filter((each) => !['list', '__proto__'].includes(each));
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue({ maxDepth: 5 })), (value) => {
        const text = JSON.stringify(value);
        expect(parse(text)).toEqual(JSON.parse(text));
        expect(parseDocument(schema, Buffer.from(text), (what) => new Error(what))).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['that is none', '{', /^refused: .*JSON/],
    ['with a key twice', '{"a":{"b":1,"\\u0062":2}}', /^refused: the key "b" stands there twice$/],
    ['nested too deep', `{"x":${'['.repeat(100)}${']'.repeat(100)}}`, /^refused: nested deeper than 100 levels$/],
    ['nested out of all proportion', `{"x":${'['.repeat(2e5)}${']'.repeat(2e5)}}`, /^refused: nested deeper/],
    ['with too many values', `{"x":[${'1,'.repeat(2e5)}1]}`, /^refused: it has more than 200000 values$/],
    ['with too many faults to count', `{"list":[${'{},'.repeat(150_000)}{}]}`, /^refused: more is wrong with it/],
  ])('%s is refused in the words of its reader', (_, text, words) => {
    expect(refusalOf(text)).toMatch(words);
  });

  test('may hold a long text, and as many levels and values as are allowed', () => {
    const long = JSON.stringify({ x: 'a\\"'.repeat(1_000_000) });
    expect(parse(long)).toEqual(JSON.parse(long));
    expect(parse(`{"x":${'['.repeat(99)}${']'.repeat(99)}}`)).toHaveProperty('x');
    expect(parse(`{"x":[${'1,'.repeat(199_999)}1]}`)).toHaveProperty('x');
  });
});
