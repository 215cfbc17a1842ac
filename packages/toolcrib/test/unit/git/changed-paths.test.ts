import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePathList, parseRawDiff, parseStatus } from '../../../src/git/changed-paths.ts';
import { failureOf } from '../core/failure.ts';

const ID = 'a'.repeat(40);
const OTHER = 'b'.repeat(40);
const ZERO = '0'.repeat(40);
const path = fc.string({
  minLength: 1,
  unit: fc.constantFrom('\n', '\t', ':', ' ', '\x1b', '\\', '"', '\u{1f600}', 'a'),
});
const RECORDS = [
  [`:100644 100644 ${ID} ${OTHER} M`, 'modified'],
  [`:100644 100644 ${ID} ${ZERO} M`, 'modified', true],
  [`:100644 100755 ${ID} ${ZERO} M`, 'modified'],
  [`:100644 100755 ${ID} ${ID} M`, 'mode changed'],
  [`:000000 100644 ${ZERO} ${ID} A`, 'added'],
  [`:100644 000000 ${ID} ${ZERO} D`, 'deleted'],
  [`:100644 120000 ${ID} ${OTHER} T`, 'type changed'],
  [`:160000 160000 ${ID} ${OTHER} M`, 'modified'],
  [`:000000 000000 ${ZERO} ${ZERO} U`, 'unmerged'],
] as const satisfies readonly (readonly [string, string, boolean?])[];

describe('the paths that git says differ', () => {
  test('are read whatever characters are in them', () => {
    const record = fc.constantFrom(...RECORDS);
    fc.assert(
      fc.property(fc.array(fc.tuple(record, path)), (changes) => {
        const output = changes.map(([[text], name]) => `${text}\0${name}\0`).join('');
        const expected = changes.map(([[, kind, isGuess = false], name]) => ({ path: name, kind, isGuess }));
        expect(parseRawDiff(output)).toEqual(expected);
      }),
    );
  });

  test.each(['x', ':100644\0a\0', `${RECORDS[0][0]}\0a`, `${RECORDS[0][0]}\0\0`, `${RECORDS[0][0]}X\0a\0`])(
    'are never guessed from %j',
    (output) => {
      expect(failureOf(() => parseRawDiff(output)).code).toBe('STORAGE');
    },
  );

  test('are read from a status', () => {
    const status = fc.constantFrom('M ', ' M', 'MM', ' D', 'A ', 'UU', ' T');
    fc.assert(
      fc.property(fc.array(fc.tuple(status, path)), (entries) => {
        const output = entries.map(([letters, name]) => `${letters} ${name}\0`).join('');
        expect(parseStatus(output)).toEqual(entries.map(([, name]) => name));
      }),
    );
    expect(failureOf(() => parseStatus('nonsense\0')).code).toBe('STORAGE');
  });

  test('are read from a list', () => {
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        expect(parsePathList(paths.map((each) => `${each}\0`).join(''))).toEqual(paths);
      }),
    );
  });
});
