import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { redactSecrets } from '../../../src/core/redact-secrets.ts';
import { printable } from '../../../src/core/printable.ts';
import { MAX_TOLD_BYTES, visibleWords } from '../../../src/core/visible-words.ts';

/** Of how many ways a server may write what it was sent. */
type Writing = (text: string) => string;

const percentAll: Writing = (text) =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');
const json: Writing = (text) => JSON.stringify(text).slice(1, -1);
const jsonAll: Writing = (text) =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('');
const html: Writing = (text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
const htmlAll: Writing = (text) =>
  text.replaceAll(/./gsu, (character) => `&#x${character.codePointAt(0)?.toString(16)};`);
const form: Writing = (text) => new URLSearchParams({ '': text }).toString().slice(1);

/** Ways that keep a part of a text a part. */
const ESCAPES: Readonly<Record<string, Writing>> = {
  plain: (text) => text,
  percent: encodeURIComponent,
  percentAll,
  json,
  jsonAll,
  html,
  htmlAll,
  form,
};

/** Other alphabets, in which what stands before decides how the secret looks. */
const ALPHABETS: Readonly<Record<string, Writing>> = {
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
};

const character = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)) },
  fc.constantFrom(' ', 'ä', 'ß', '€', '😀'),
);
const secretText = fc.array(character, { minLength: 12, maxLength: 60 }).map((characters) => characters.join(''));
const escape = fc.constantFrom(...Object.values(ESCAPES));
const alphabet = fc.constantFrom(...Object.values(ALPHABETS));
/** Of letters that no escape and no secret below has. */
const around = fc.array(fc.constantFrom('–', '—', '…'), { maxLength: 5 }).map((characters) => characters.join(''));

describe('a secret that somebody repeats', () => {
  test('is taken out, however it is escaped and escaped again, and nothing else is', () => {
    fc.assert(
      fc.property(secretText, around, around, escape, escape, (secret, before, after, inner, outer) => {
        const written = outer(inner(secret));
        expect(redactSecrets(`${before}${written}${after}`, [secret])).toBe(`${before}***${after}`);
      }),
    );
  });

  test('is taken out of base64 and hex, wherever in what was encoded it stood', () => {
    fc.assert(
      fc.property(
        secretText,
        fc.string({ maxLength: 9 }),
        fc.string({ maxLength: 9 }),
        alphabet,
        escape,
        (...given) => {
          const [secret, before, after, encode, outer] = given;
          const encoded = encode(`${before}${secret}${after}`);
          const told = redactSecrets(encoded, [secret]);
          expect(told).toContain('***');
          const padding = 4;
          const most = encode(before).length + encode(after).length + padding;
          expect(told.length - '***'.length, told).toBeLessThanOrEqual(most);
          expect(redactSecrets(outer(encoded), [secret])).toBe(told.split('***').map(outer).join('***'));
        },
      ),
    );
  });

  test('is taken out where the text was cut in the middle of it', () => {
    fc.assert(
      fc.property(secretText, escape, fc.nat(), (secret, write, at) => {
        const written = write(secret);
        const length = at % (written.length + 1);
        const told = redactSecrets(`—${written.slice(0, length)}`, [secret], { isCut: true });
        expect(told.length).toBeLessThanOrEqual(1 + 3 + 8);
        expect(written.slice(0, length).length < 9 || !told.includes(written.slice(0, 9))).toBe(true);
      }),
    );
  });

  test('leaves texts alone that hold none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(redactSecrets(text, ['', 'A-secret-that-is-not-there-at-all'])).toBe(text);
      }),
    );
  });

  test('may be one of several, which overlap or follow each other', () => {
    expect(redactSecrets('abcdefgh', ['cde', 'def'])).toBe('ab***gh');
    expect(redactSecrets('xsecretsecrety secret', ['secret'])).toBe('x***y ***');
    expect(redactSecrets('secret', ['secret'])).toBe('***');
  });

  test('costs a hostile server no more time than it may take', () => {
    const told = '%2525252525\\\\\\\\u0025&amp;amp;amp;+'.repeat(240).slice(0, MAX_TOLD_BYTES);
    expect(redactSecrets(told, ['x'.repeat(4000), 'y'.repeat(40)], { isCut: true })).toHaveLength(told.length);
  });
});

describe('words of a server', () => {
  test('are shown on one line of printable characters, shortened, and without what was secret', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), secretText, fc.boolean(), (text, secret, isCut) => {
        const shown = visibleWords(`${text}${secret}${text}`, { secrets: [secret], isCut });
        expect(shown).toMatch(/^.{0,300}…?$/);
        expect(shown).toBe(printable(shown));
        expect(shown).not.toContain(secret);
      }),
    );
  });

  test('never show what became visible by the cut of a long secret', () => {
    const secret = 'planted'.repeat(700);
    const told = `${secret}${secret}`.slice(0, MAX_TOLD_BYTES);
    expect(visibleWords(told, { secrets: [secret], isCut: true })).toBe('***');
  });
});
