import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { trustsIdentity } from '../../../src/attestations/identity.ts';
import { subjectPattern } from '../../../src/core/subject-pattern.ts';
import { failureOf } from '../core/failure.ts';

const issuer = 'https://token.actions.githubusercontent.com';
const trusts = (trusted: string, subject: string): boolean =>
  trustsIdentity({ issuer, subject: trusted }, { issuer, subject });

describe('a trusted identity', () => {
  test('is meant exactly when it has no anchors, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (trusted, subject) => {
        fc.pre(!trusted.startsWith('^') && !trusted.endsWith('$'));
        expect(trusts(trusted, subject)).toBe(trusted === subject);
        expect(trusts(trusted, trusted)).toBe(true);
      }),
    );
    expect(trusts('https://github.com/acme/.*', 'https://github.com/acme/tools')).toBe(false);
    expect(trusts('acme', 'acme/evil')).toBe(false);
  });

  test('is of its issuer only', () => {
    expect(trustsIdentity({ issuer, subject: 'x' }, { issuer: `${issuer}/`, subject: 'x' })).toBe(false);
    expect(trustsIdentity({ issuer, subject: '^.*$' }, { issuer: 'https://evil', subject: 'x' })).toBe(false);
  });

  test.each([
    [
      '^https://github\\.com/acme/tools/[^@]+@refs/heads/main$',
      'https://github.com/acme/tools/w.yml@refs/heads/main',
      true,
    ],
    [
      '^https://github\\.com/acme/tools/[^@]+@refs/heads/main$',
      'https://github.com/acme/tools/w.yml@refs/heads/main2',
      false,
    ],
    [
      '^https://github\\.com/acme/tools/[^@]+@refs/heads/main$',
      'xhttps://github.com/acme/tools/w.yml@refs/heads/main',
      false,
    ],
    // Alternatives do not take the anchors off.
    ['^a|b$', 'a', true],
    ['^a|b$', 'b', true],
    ['^a|b$', 'ax', false],
    ['^a|b$', 'xb', false],
    ['^a$|^b$', 'a', true],
    ['^a$|^b$', 'ab', false],
    // Nor do line ends.
    ['^a$', 'a\n', false],
    ['^a$', 'x\na', false],
    ['^a.b$', 'a\nb', false],
  ])('%j matches %j: %j', (trusted, subject, matches) => {
    expect(trusts(trusted, subject)).toBe(matches);
  });

  test.each(['^acme', 'acme$', '^', '$', '^$', '^a)|(?:b$', '^a\\$', '^[$', '^(?<x>a)(?<x>b)$'])(
    'is refused when it only looks anchored: %j',
    (subject) => {
      const error = failureOf(() => subjectPattern(subject));
      expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining(JSON.stringify(subject))]);
    },
  );

  test('matches whole subjects, for every pattern of literals', () => {
    const literal = fc.stringMatching(/^[a-z/@:]{1,12}$/);
    fc.assert(
      fc.property(fc.array(literal, { minLength: 1, maxLength: 3 }), literal, (alternatives, more) => {
        const pattern = `^${alternatives.join('|')}$`;
        for (const each of alternatives) {
          expect(trusts(pattern, each)).toBe(true);
          expect(trusts(pattern, `${each}${more}`)).toBe(alternatives.includes(`${each}${more}`));
          expect(trusts(pattern, `${more}${each}`)).toBe(alternatives.includes(`${more}${each}`));
        }
      }),
    );
  });
});
