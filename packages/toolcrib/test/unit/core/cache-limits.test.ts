import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteSizeFrom, MAX_AGE_DAYS, parseByteSize, parseDays } from '../../../src/core/cache-limits.ts';
import { formatSize } from '../../../src/report/size.ts';
import { failureOf } from './failure.ts';

describe('an amount of bytes', () => {
  test.each([
    ['0', 0],
    ['5000000000', 5e9],
    ['5GB', 5e9],
    ['5 GB', 5e9],
    ['1.5kB', 1500],
    ['100 MB', 1e8],
    ['2TB', 2e12],
    ['1KiB', 1024],
    ['1.5 GiB', 1.5 * 1024 ** 3],
    ['17 B', 17],
  ])('%s is read', (text, bytes) => {
    expect(parseByteSize(text, '--max-bytes')).toBe(bytes);
  });

  test.each([
    ...['', ' ', 'GB', '5 gb', '5Gb', '5  GB', '-1', '+1', '1e9', '0x10', '1.5', '1,5GB', '5GB ', ' 5GB'],
    ...['Infinity', 'NaN', '99999999999999999', '9999999999 TB', '5 constructor', '1.GB', '.5GB', '٣'],
  ])('%j is refused, with what is allowed', (text) => {
    const error = failureOf(() => parseByteSize(text, '--max-bytes'));
    expect(error.code).toBe('USAGE');
    expect(error.message).toContain('--max-bytes takes a whole number of bytes, or a number with one of B, kB, MB');
  });

  test('is read as toolcrib writes it, to the last digit that it writes', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat().map((bytes) => Math.floor(bytes / 2)),
        (bytes) => {
          const read = byteSizeFrom(formatSize(bytes));
          expect(Math.abs((read ?? NaN) - bytes)).toBeLessThanOrEqual(bytes / 18);
        },
      ),
    );
  });

  test('that is whatever text never becomes anything but a whole number of bytes', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,18}(?:\.[0-9]{1,3})? ?[A-Za-z]{0,3}$/));
    fc.assert(
      fc.property(text, (written) => {
        const bytes = byteSizeFrom(written) ?? 0;
        expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
      }),
    );
  });
});

describe('a number of days', () => {
  test.each([
    ['0', 0],
    ['30', 30],
    ['0.5', 0.5],
    [String(MAX_AGE_DAYS), MAX_AGE_DAYS],
  ])('%s is read', (text, days) => expect(parseDays(text, '--max-age')).toBe(days));

  test.each(['', '-1', '1e2', '36501', '99999', '30d', 'month', ' 1', 'Infinity', '1.', '.5'])(
    '%j is refused',
    (text) => {
      const error = failureOf(() => parseDays(text, '--max-age'));
      expect(error.code).toBe('USAGE');
      expect(error.message).toContain('--max-age takes a number of days from 0 to 36500');
    },
  );
});
