import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable } from '../../../src/core/printable.ts';
import { visibleText } from '../../../src/github/visible-text.ts';

const token = fc.stringMatching(/^[A-Za-z0-9_.-]{8,60}$/);
/** Halves of surrogate pairs, too. */
const anyUnit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

describe('text of a server as it may be shown', () => {
  test('never has the token that was sent, whatever stands around it', () => {
    fc.assert(
      fc.property(fc.string(), token, fc.string(), (before, secret, after) => {
        expect(visibleText(before + secret + after, secret)).not.toContain(secret);
      }),
    );
  });

  test('is one printable line, at most 300 characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyUnit, maxLength: 400 }), (text) => {
        const shown = visibleText(text);
        expect(shown).toBe(printable(shown));
        expect(shown.length).toBeLessThanOrEqual(300);
      }),
    );
  });

  test.each([
    'ghp_0123456789abcdefABCDEF0123456789abcd',
    'ghs_0123456789abcdefABCDEF0123456789abcd',
    'github_pat_11ABCDEFG0abcdefghijkl_0123456789abcdefghij',
  ])('has no other token either: %s', (other) => {
    expect(visibleText(`Bad credentials: ${other}, sorry`, 'something-else')).toBe('Bad credentials: ***, sorry');
    expect(visibleText(`authorization: Bearer ${other}`)).not.toContain(other);
  });

  test('is otherwise what the server said', () => {
    expect(visibleText('Resource not accessible by integration')).toBe('Resource not accessible by integration');
    expect(visibleText(' a\n\tb\u001b[31m ')).toBe(String.raw`a b\x1b[31m`);
  });
});
