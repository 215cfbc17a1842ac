import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { truncate, wrap } from '../../../src/report/width.ts';
import { formatTable } from '../../../src/report/table.ts';

const COLUMNS = [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'WHY' }] as const;

describe('a table', () => {
  test('aligns its columns and has no blanks at the end of a line', () => {
    const text = formatTable(COLUMNS, [
      ['a', '5', ''],
      ['longer', '1234', 'because'],
    ]);
    expect(text).toBe('NAME    SIZE  WHY\na          5\nlonger  1234  because\n');
  });

  test('without rows has its titles', () => {
    expect(formatTable(COLUMNS, [])).toBe('NAME  SIZE  WHY\n');
  });

  test('that is too wide cuts its last column', () => {
    const row = ['n'.repeat(30), '1', 'w'.repeat(30)];
    expect(formatTable(COLUMNS, [row], { width: 60 }).split('\n')[1]).toBe(
      `${'n'.repeat(30)}     1  ${'w'.repeat(19)}...`,
    );
  });

  test('that is too wide cuts nothing that stands on lines of its own', () => {
    const columns = [{ title: 'NAME', ownLine: true }, { title: 'SIZE' }, { title: 'WHERE', ownLine: true }];
    const rows = [
      ['short', '1', '/a'],
      ['n'.repeat(50), '2', `/b/${'c'.repeat(60)}`],
    ];
    expect(formatTable(columns, rows, { width: 40 })).toBe(`\
NAME                                SIZE
  WHERE
short                               1
  /a
${'n'.repeat(40)}
${'n'.repeat(10)}
                                    2
  /b/${'c'.repeat(35)}
  ${'c'.repeat(25)}
`);
    expect(formatTable(columns, rows.slice(0, 1), { width: 40 })).toBe('NAME   SIZE  WHERE\nshort  1     /a\n');
  });

  test('never lets a cell act upon the terminal or break a line', () => {
    expect(formatTable([{ title: 'A' }], [['\u001b[2Jx\ny']])).toBe('A\n\\x1b[2Jx\\x0ay\n');
  });

  test('is no wider than it may be, as long as its column can give way', () => {
    const cell = fc.string({ maxLength: 40 });
    fc.assert(
      fc.property(fc.array(fc.tuple(cell), { maxLength: 5 }), fc.integer({ min: 8, max: 30 }), (rows, width) => {
        const lines = formatTable([{ title: 'A' }], rows, { width }).split('\n');
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(lines).toHaveLength(rows.length + 2);
      }),
    );
  });
});

describe('text of a width', () => {
  test('shows where it was cut', () => {
    expect([truncate('abcdef', 6), truncate('abcdefg', 6), truncate('abc', 2)]).toEqual(['abcdef', 'abc...', 'ab']);
  });

  test('is wrapped without losing anything but blanks', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 20 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        expect(Math.max(0, ...lines.map((line) => line.length))).toBeLessThanOrEqual(width);
      }),
    );
  });
});
