import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatVersionFile, isVersion, parseVersionFile } from '../../../src/core/version.ts';
import { failureOf } from './failure.ts';
import { version } from './vocabulary.ts';

describe('a version file', () => {
  test('reads back as the version it was written for', () => {
    fc.assert(
      fc.property(version, (one) => {
        expect(parseVersionFile(formatVersionFile(one), 'f')).toBe(one);
      }),
    );
  });

  test.each([
    ['2\n', 2],
    ['2', 2],
    ['27\r\n', 27],
  ])('%j says version %d', (text, expected) => {
    expect(parseVersionFile(text, 'tool-version.txt')).toBe(expected);
  });

  test.each([
    '',
    '\n',
    '0\n',
    '01\n',
    '-1\n',
    '+1\n',
    '1.0\n',
    '1e3\n',
    ' 1\n',
    '1 \n',
    '1\n\n',
    '1\n2\n',
    'v1\n',
    '９',
    '9007199254740993\n',
  ])('%j is refused, naming file and line', (text) => {
    const error = failureOf(() => parseVersionFile(text, 'some/tool-version.txt'));
    expect(error.code).toBe('VERSION_INVALID');
    expect(error.message).toContain('some/tool-version.txt:1');
    expect(error.message).toContain(JSON.stringify(text));
    expect(error.hint).toContain('whole number');
  });

  test('either holds a version or is refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9\r\n ]{0,20}$/)), (text) => {
        try {
          expect(isVersion(parseVersionFile(text, 'f'))).toBe(true);
        } catch {
          expect(failureOf(() => parseVersionFile(text, 'f')).code).toBe('VERSION_INVALID');
        }
      }),
    );
  });

  test('that holds a novel is not quoted whole', () => {
    expect(failureOf(() => parseVersionFile('x'.repeat(100_000), 'f')).message.length).toBeLessThan(200);
  });
});

describe('a version', () => {
  test.each([1, 2, Number.MAX_SAFE_INTEGER])('may be %d', (value) => {
    expect(isVersion(value)).toBe(true);
  });
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('is never %d', (value) => {
    expect(isVersion(value)).toBe(false);
  });
});
