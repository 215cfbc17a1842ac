import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseBase64 } from '../../../src/attestations/base64.ts';
import { MAX_SIGNED_BYTES, parseStrictJson } from '../../../src/attestations/strict-json.ts';
import { printable } from '../../../src/core/printable.ts';
import { failureOf } from '../core/failure.ts';

const read = (text: string): unknown => parseStrictJson(Buffer.from(text), 'FILE');

describe('what is signed as JSON', () => {
  test('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        expect(read(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test.each([
    ['{"a":1,"a":2}', 'the key "a" stands there twice'],
    ['{"a":1,"\\u0061":2}', 'the key "a" stands there twice'],
    ['[{"b":{"x":[],"y":{},"x":"\\""}}]', 'the key "x" stands there twice'],
    ['{"a":":{","b":{"}":1,"}":2}}', 'the key "}" stands there twice'],
    ['\ufeff{}', 'not JSON'],
    ['{"a":1', 'not JSON'],
    ['', 'not JSON'],
    ['{"a":\u001b[2J\u0007\n::error::x', 'not JSON'],
    ['{"a\u202e":1,"a\u202e":2}', String.raw`the key "a\u202e" stands there twice`],
    [`${'['.repeat(65)}${']'.repeat(65)}`, 'nested deeper than 64 levels'],
  ])('is refused as %j', (text, why) => {
    const error = failureOf(() => read(text));
    expect([error.code, error.message]).toEqual(['MALFORMED', expect.stringContaining(`FILE: ${why}`)]);
    expect(error.message).toBe(printable(error.message));
  });

  test('may have one key in two objects, and marks in its strings', () => {
    expect(read('{"a":{"a":1},"b":[{"a":1},{"a":"{\\"a\\":1,"}]}')).toEqual({
      a: { a: 1 },
      b: [{ a: 1 }, { a: '{"a":1,' }],
    });
  });

  test('is refused when it is not UTF-8', () => {
    expect(failureOf(() => parseStrictJson(Buffer.from([0x22, 0xff, 0x22]), 'FILE')).message).toBe('FILE: not UTF-8');
  });

  test('is refused before it is parsed when it is too large', () => {
    const bytes = Buffer.alloc(MAX_SIGNED_BYTES + 1, ' ');
    expect(failureOf(() => parseStrictJson(bytes, 'FILE')).code).toBe('TOO_LARGE');
  });
});

describe('base64', () => {
  test('stands for its bytes in one way only', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = Buffer.from(bytes).toString('base64');
        expect(Buffer.from(parseBase64(text, 'FILE', 'it'))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test.each(['YQ', 'YR==', 'YQ==\n', ' YQ==', 'Y-Q=', 'YQ=', '=', 'YWJj!'])('is refused as %j', (text) => {
    expect(failureOf(() => parseBase64(text, 'FILE', 'it')).message).toBe('FILE: it is not canonical base64');
  });
});
