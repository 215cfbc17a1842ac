import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseContentRange } from '../../../src/transfer/content-range.ts';
import { isSameFile, validatorOf } from '../../../src/transfer/validator.ts';

const headersOf = (headers: Readonly<Record<string, string>>): ReadonlyMap<string, string> =>
  new Map(Object.entries(headers));

describe('a Content-Range header', () => {
  test.each([
    ['bytes 0-0/1', { first: 0, last: 0, total: 1 }],
    ['bytes 5-9/10', { first: 5, last: 9, total: 10 }],
    [' Bytes 5-9/10 ', { first: 5, last: 9, total: 10 }],
    ['bytes 5-9/*', undefined],
    ['bytes */10', undefined],
    ['bytes 9-5/10', undefined],
    ['bytes 5-10/10', undefined],
    ['bytes 5-9/10, 10-11/12', undefined],
    ['bytes -5-9/10', undefined],
    ['items 5-9/10', undefined],
    ['bytes 1e1-99/100', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%j is read as %j', (header, expected) => {
    expect(parseContentRange(header)).toEqual(expected);
  });

  test('is read as it was written, whatever the range', () => {
    const range = fc.tuple(fc.nat(), fc.nat(), fc.nat()).map(([first, more, rest]) => {
      const last = first + more;
      return { first, last, total: last + 1 + rest };
    });
    const isRead = (range_: { first: number; last: number; total: number }): void => {
      expect(parseContentRange(`bytes ${range_.first}-${range_.last}/${range_.total}`)).toEqual(range_);
    };
    fc.assert(fc.property(range, isRead));
  });

  test('never names bytes that the file has not, whatever it says', () => {
    const text = fc.oneof(
      fc.string(),
      fc.tuple(fc.nat(30), fc.nat(30), fc.nat(30)).map(([a, b, c]) => `bytes ${a}-${b}/${c}`),
    );
    fc.assert(
      fc.property(text, (header) => {
        const range = parseContentRange(header);
        return range === undefined || (range.first <= range.last && range.last < range.total);
      }),
    );
  });
});

describe('what a broken answer is continued by', () => {
  const DATE = 'Fri, 02 Jan 2026 03:04:05 GMT';
  const NEXT_SECOND = 'Fri, 02 Jan 2026 03:04:06 GMT';
  test.each([
    ['a strong tag', { etag: '"abc"', 'last-modified': DATE }, { header: 'etag', value: '"abc"' }],
    ['an empty tag', { etag: '""' }, { header: 'etag', value: '""' }],
    ['no weak tag, nor a date beside it', { etag: 'W/"abc"', 'last-modified': DATE, date: NEXT_SECOND }, undefined],
    ['nothing that is no tag', { etag: 'abc' }, undefined],
    ['no two tags', { etag: '"a", "b"' }, undefined],
    ['a date', { 'last-modified': DATE, date: NEXT_SECOND }, { header: 'last-modified', value: DATE }],
    ['no date within whose second the file may have changed', { 'last-modified': DATE, date: DATE }, undefined],
    ['no date when the server has no clock', { 'last-modified': DATE }, undefined],
    ['nothing that is no date', { 'last-modified': 'yesterday', date: DATE }, undefined],
    ['nothing where there is nothing', {}, undefined],
  ])('is %s', (_, headers, expected) => {
    expect(validatorOf(headersOf(headers as Record<string, string>))).toEqual(expected);
  });

  test('has to come again with the rest when it is a tag, and must not be another one when it is a date', () => {
    const tag = { header: 'etag', value: '"a"' } as const;
    expect(
      [{ etag: '"a"' }, { etag: '"b"' }, { etag: 'W/"a"' }].map((each) => isSameFile(tag, headersOf(each))),
    ).toEqual([true, false, false]);
    expect(isSameFile(tag, headersOf({}))).toBe(false);
    const date = { header: 'last-modified', value: DATE } as const;
    expect(isSameFile(date, headersOf({}))).toBe(true);
    expect(isSameFile(date, headersOf({ 'last-modified': NEXT_SECOND }))).toBe(false);
  });
});
