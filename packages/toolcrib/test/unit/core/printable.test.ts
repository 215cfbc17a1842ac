import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, printableJson, printableLines, quoted } from '../../../src/core/printable.ts';

/** Any character, and often one that acts or is not seen; halves of surrogate pairs, too. */
const character = fc.oneof(
  fc.nat({ max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  fc.constantFrom('\0', '\u0007', '\b', '\t', '\n', '\r', '\u001b', '\u007f', '\u009b', '\u009d', '\u00ad'),
  fc.constantFrom('\u061c', '\u200b', '\u200e', '\u2028', '\u2029', '\u202e', '\u2066', '\ufeff', '\ufe0f'),
  fc.constantFrom('\ud800', '\udfff', '\u{e0001}', '\u{1f600}', '\\', '"', 'a', 'é'),
);
const text = fc.string({ unit: character });

/** Written out here once more, by number: C0, C1, what is not seen, directions, separators, halves of pairs, tags. */
const ACTING: readonly (readonly [first: number, last: number])[] = [
  [0, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xe0000, 0xe0fff],
];

function acts(shown: string): boolean {
  const codes = Array.from(shown, (each) => each.codePointAt(0) ?? 0);
  return codes.some((code) => ACTING.some(([first, last]) => first <= code && code <= last));
}

describe('text of somebody else that is made printable', () => {
  test('never acts upon a terminal, parts a line or hides anything', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(acts(printable(given))).toBe(false);
        expect(acts(quoted(given, 20))).toBe(false);
        expect(acts(printableLines(given).replaceAll('\n', ''))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('shows escapes in the place of such characters, and everything else as it is', () => {
    expect(printable('naïve 漢字 עברית \u{1f600} …')).toBe('naïve 漢字 עברית \u{1f600} …');
    expect(printable('a\tb\u001b[2J\u009b1m\u202egnp\u2028x\ud800')).toBe(
      String.raw`a\x09b\x1b[2J\x9b1m\u{202e}gnp\u{2028}x\u{d800}`,
    );
  });

  test('stays as it is', () => {
    fc.assert(fc.property(text, (given) => printable(printable(given)) === printable(given)));
  });

  test('keeps newlines only where they are meant', () => {
    expect(printableLines('a\nb\r\nc')).toBe('a\nb\\x0d\nc');
  });

  test('as JSON means what it meant', () => {
    fc.assert(
      fc.property(fc.jsonValue(), text, (value, more) => {
        const json = JSON.stringify([value, more]);
        expect(JSON.parse(printableJson(json))).toEqual(JSON.parse(json));
        expect(acts(printableJson(json))).toBe(false);
      }),
    );
  });

  test('is quoted up to a length', () => {
    expect(quoted('a"\n\u202eb', 4)).toBe(String.raw`"a\"\n\u202e"`);
  });
});
