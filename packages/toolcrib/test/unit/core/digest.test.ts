import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createDigester,
  digestFromHex,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
  verifyExpected,
} from '../../../src/core/digest.ts';
import { IntegrityError } from '../../../src/core/errors.ts';
import { failureOf } from './failure.ts';
import { digest } from './vocabulary.ts';

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('a digest', () => {
  test('of nothing is the one that everybody knows', () => {
    expect(digestOf('')).toBe(EMPTY);
    expect(createDigester().finish()).toBe(EMPTY);
  });

  test('reads back as it was written, also from bare hex in upper case', () => {
    fc.assert(
      fc.property(digest, (one) => {
        expect(parseDigest(one)).toBe(one);
        expect(digestFromHex(digestHex(one))).toBe(one);
        expect(digestFromHex(digestHex(one).toUpperCase())).toBe(one);
      }),
    );
  });

  test.each([
    '',
    'sha256:',
    EMPTY.slice(7),
    EMPTY.toUpperCase(),
    `${EMPTY}0`,
    EMPTY.slice(0, -1),
    `${EMPTY}\n`,
    ` ${EMPTY}`,
    EMPTY.replace('sha256', 'sha512'),
  ])('is not %j', (text) => {
    expect(isDigest(text)).toBe(false);
    const error = failureOf(() => parseDigest(text));
    expect(error.code).toBe('DIGEST_INVALID');
    expect(error.message).toContain('sha256:<64 lowercase hex>');
  });

  test.each(['', 'g'.repeat(64), '0'.repeat(63), '0'.repeat(65), `${'0'.repeat(64)}\n`])('is not the hex %j', (hex) => {
    expect(digestFromHex(hex)).toBeUndefined();
  });

  test('of passing bytes is that of the whole, and their size is counted', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (pieces) => {
        const digester = createDigester();
        for (const piece of pieces) digester.update(piece);
        const whole = Buffer.concat(pieces);
        expect(digester.size).toBe(whole.length);
        expect(digester.finish()).toBe(`sha256:${createHash('sha256').update(whole).digest('hex')}`);
      }),
    );
  });
});

describe('what was expected', () => {
  const other = digestOf('other');

  test('is met by the same digest, whether a size was said or not', () => {
    verifyExpected('x', { digest: other }, { digest: other, size: 5 });
    verifyExpected('x', { digest: other, size: 5 }, { digest: other, size: 5 });
  });

  test('is not met by another size: both are named', () => {
    const error = failureOf(() => verifyExpected('tool.bin', { digest: other, size: 6 }, { digest: other, size: 5 }));
    expect(error).toBeInstanceOf(IntegrityError);
    expect(error.code).toBe('SIZE_MISMATCH');
    expect(error.message).toBe('tool.bin has 5 bytes, expected 6');
    expect(error.details).toEqual({ expected: 6, actual: 5 });
  });

  test('is not met by another digest: both are named', () => {
    const error = failureOf(() => verifyExpected('tool.bin', { digest: other }, { digest: digestOf(''), size: 0 }));
    expect(error).toBeInstanceOf(IntegrityError);
    expect(error.code).toBe('DIGEST_MISMATCH');
    expect(error.message).toContain(other);
    expect(error.message).toContain(EMPTY);
    expect(error.details).toEqual({ expected: other, actual: EMPTY });
    expect(error.hint).toContain('sums file');
  });
});
