import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatAnnotation,
  formatMarkdownTable,
  formatOutputs,
  plainMarkdown,
  withoutCommands,
  type Annotation,
} from '../../../src/report/github-actions.ts';

const ESCAPES: readonly [string, string][] = [
  ['%0D', '\r'],
  ['%0A', '\n'],
  ['%3A', ':'],
  ['%2C', ','],
  ['%25', '%'],
];
/** As the runner does it: actions/runner, `ActionCommand.cs`. */
const unescape = (text: string, escapes = ESCAPES): string =>
  escapes.reduce((all, [escaped, character]) => all.replaceAll(escaped, character), text);
const unescapeData = (text: string): string =>
  unescape(
    text,
    ESCAPES.filter(([, it]) => it !== ':' && it !== ','),
  );

function parseAnnotation(line: string): Annotation {
  const {
    level,
    properties = '',
    data = '',
  } = /^::(?<level>error|warning|notice)(?: (?<properties>[^\n]*?))?::(?<data>[^\n]*)$/.exec(line)?.groups ?? {};
  if (level !== 'error' && level !== 'warning' && level !== 'notice') throw new Error(`no command: ${line}`);
  const named: Readonly<Record<string, string>> = Object.fromEntries(
    properties
      .split(',')
      .map((property) => [property.split('=', 1)[0] ?? '', unescape(property.replace(/^[^=]*=/, ''))]),
  );
  return {
    level,
    message: unescapeData(data),
    ...(named['file'] !== undefined && { file: named['file'] }),
    ...(named['line'] !== undefined && { line: Number(named['line']) }),
    ...(named['title'] !== undefined && { title: named['title'] }),
  };
}

describe('an annotation', () => {
  // The runner itself drops empty properties, and does not tell an escaped escape from an escape.
  const word = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !/%(?:0D|0A|25|2C|3A)/.test(text));

  test('says to the runner what it was given, in one line', () => {
    const annotation = fc.record(
      { level: fc.constantFrom('error', 'warning', 'notice'), message: word, file: word, title: word },
      { requiredKeys: ['level', 'message'] },
    );
    fc.assert(
      fc.property(annotation, fc.integer({ min: 1 }), (given, line) => {
        const full: Annotation = { ...given, ...(given.file !== undefined && { line }) };
        const text = formatAnnotation(full);
        expect(text).not.toMatch(/[\r\n]/);
        expect(parseAnnotation(text)).toEqual(full);
      }),
    );
  });

  test('escapes what would end it or begin another', () => {
    expect(formatAnnotation({ level: 'error', file: 'a,b:c', line: 3, title: 'x::y', message: '5%\n::error::z' })).toBe(
      '::error file=a%2Cb%3Ac,line=3,title=x%3A%3Ay::5%25%0A::error::z',
    );
  });

  test('has no line without a file', () => {
    expect(formatAnnotation({ level: 'notice', line: 3, message: 'x' })).toBe('::notice::x');
  });
});

describe('text for a log', () => {
  const hostile = fc
    .array(fc.constantFrom('::', ':', '##[', '#', '[', ' ', '\n', '\t', 'error', 'set-output name=build', ']', 'true'))
    .map((parts) => parts.join(''));

  test('is no command to the runner, whatever is in it', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const line of withoutCommands(text).split('\n')) {
          expect(line.trimStart().startsWith('::')).toBe(false);
          expect(line).not.toContain('##[');
        }
      }),
    );
  });

  test('is left as it is when nothing in it is one', () => {
    expect(withoutCommands('a :: b # [c]\n: d')).toBe('a :: b # [c]\n: d');
  });
});

describe('outputs of a step', () => {
  test('stand on a line each, and between delimiters when they have several lines', () => {
    expect(formatOutputs({ build: 'true', reason: '' })).toBe('build=true\nreason=\n');
    expect(formatOutputs({ text: 'a\ntoolcrib_end_0\nbuild=false' })).toBe(
      'text<<toolcrib_end_1\na\ntoolcrib_end_0\nbuild=false\ntoolcrib_end_1\n',
    );
  });

  test('never set another output', () => {
    const value = fc.array(fc.constantFrom('\n', '\r', 'x=y', 'toolcrib_end_0', '<<')).map((parts) => parts.join(''));
    fc.assert(
      fc.property(value, (text) => {
        const [first = '', ...rest] = formatOutputs({ name: text }).split('\n');
        const delimiter = /^name<<(.*)$/.exec(first)?.[1];
        if (delimiter === undefined) expect([first, ...rest]).toEqual([`name=${text}`, '']);
        else expect(rest.indexOf(delimiter)).toBe(rest.length - 2);
      }),
    );
  });
});

describe('a table of Markdown', () => {
  test('shows cells as they are: no markup, no link, no mention, no cell more', () => {
    const cell = fc.string({
      unit: fc.constantFrom('|', '`', '<', '>', '*', '@', '#', '[', ']', '\n', '\\', '&', 'a'),
    });
    fc.assert(
      fc.property(cell, cell, (a, b) => {
        const [titles, dashes, row = '', ...rest] = formatMarkdownTable(['x', 'y'], [[a, b]]).split('\n');
        expect([titles, dashes, ...rest]).toEqual(['| x | y |', '| --- | --- |', '']);
        expect(row.split('|')).toHaveLength(4);
        expect(row).not.toMatch(/[`<>*@[\]\\]|&(?!#\d+;)/);
      }),
    );
  });

  test('mentions nobody and links nothing either when GitHub looks at what the escapes stand for', () => {
    const part = fc.constantFrom(
      '@',
      '#',
      '1',
      'octo',
      'GH-',
      'http',
      'https',
      'ftp',
      '://',
      'www.',
      'evil.example',
      '/',
      ' ',
      '-',
    );
    const LINKS = /@[a-z0-9]|#[0-9]|\bgh-[0-9]|(?:https?|ftp):\/\/|www\./i;
    let found = 0;
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        if (LINKS.test(text)) found += 1;
        const shown = plainMarkdown(text).replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)));
        expect(shown).not.toMatch(LINKS);
        expect(shown.replaceAll('\u200b', '')).toBe(text);
      }),
      { numRuns: 500 },
    );
    expect(found).toBeGreaterThan(100);
  });
});
