import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { quoteShellWord, splitShellWords } from '../../../src/core/shell-words.ts';
import { failureOf } from './failure.ts';

/** The words that a real shell makes of a text in which nothing is expanded. */
function byShell(text: string): string[] {
  const output = execFileSync('/bin/sh', ['-c', `for w in ${text}\ndo printf '%s\\0' "$w"; done`], {
    encoding: 'utf8',
  });
  return output.split('\0').slice(0, -1);
}

describe('the words of a command', () => {
  test.each([
    ['kubectl exec -i pod --', ['kubectl', 'exec', '-i', 'pod', '--']],
    ['  a\t b\n', ['a', 'b']],
    [`a'b c'd "e f"`, ['ab cd', 'e f']],
    [`'' ""`, ['', '']],
    [String.raw`a\ b \'c "d\"e\$f\g" '\h'`, ['a b', "'c", 'd"e$f\\g', '\\h']],
    ['$HOME `id` * ~ a;b|c', ['$HOME', '`id`', '*', '~', 'a;b|c']],
    ['a\\\nb "c\\\nd"', ['ab', 'cd']],
    ['', []],
  ])('%j are %j', (text, words) => {
    expect(splitShellWords(text)).toEqual(words);
  });

  test.each([`a 'b`, 'a "b', 'a "b\\"', 'a\\'])('%j is refused', (text) => {
    expect(failureOf(() => splitShellWords(text)).code).toBe('REFERENCE_INVALID');
  });

  test('come back unchanged from their quoted form', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 5 }), (words) => {
        expect(splitShellWords(words.map(quoteShellWord).join(' '))).toEqual(words);
      }),
    );
  });

  test('are those that a shell makes of quotes, backslashes and blanks', () => {
    const text = fc
      .string({ unit: fc.constantFrom('a', 'b', "'", '"', '\\', ' ', '\n', '\t', '$'), maxLength: 12 })
      .filter(isPlain);
    fc.assert(
      fc.property(text, (line) => {
        expect(splitShellWords(line)).toEqual(byShell(line));
      }),
      { numRuns: 60 },
    );
  });
});

/** Whole, on one line for the shell, and with dollars only where they are no more than that. */
function isPlain(text: string): boolean {
  if (/\$[ab'"$]|\n/.test(text)) return false;
  try {
    splitShellWords(text);
    return true;
  } catch {
    return false;
  }
}
