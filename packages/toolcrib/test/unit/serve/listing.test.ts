import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable } from '../../../src/core/printable.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { formatStoreListing, storeListingFrom, type ListedFile } from '../../../src/core/store-listing.ts';
import { describeServeEvent } from '../../../src/report/serve-text.ts';
import { renderStorePage } from '../../../src/report/store-page.ts';

const fileOf = (name: string, size = 12): ListedFile => ({ name, size, digest: digestOf(name) });
const files = fc.uniqueArray(fc.record({ name: fc.string(), size: fc.nat(), digest: fc.string().map(digestOf) }), {
  selector: ({ name }) => name,
});

describe('the listing of a store', () => {
  test('is read as it is written, sorted by name', () => {
    fc.assert(
      fc.property(files, (listed) => {
        const sorted = [...listed].sort((a, b) => (a.name < b.name ? -1 : 1));
        expect(storeListingFrom(formatStoreListing(listed))?.files).toEqual(sorted);
      }),
    );
  });

  test.each([
    '',
    '<!doctype html>',
    '[]',
    '{}',
    '{"schema":"toolcrib.listing.v2","files":[]}',
    '{"schema":"toolcrib.listing.v1","files":[{"name":"a","size":-1,"digest":"sha256:00"}]}',
    '{"schema":"toolcrib.listing.v1","files":[],"more":1}',
  ])('is not %j', (text) => {
    expect(storeListingFrom(text)).toBeUndefined();
  });
});

describe('the page of a store', () => {
  test('groups files by tool, the newest version first, and says which is not complete', () => {
    const page = renderStorePage(
      ['b-amd64-v1', 'a-v2.SHA256SUMS', 'a-v10.SHA256SUMS', 'a-v10.json', 'a-amd64-v10', 'a-amd64-v2', 'notes.txt'].map(
        (name) => fileOf(name),
      ),
    );
    const headings = [...page.matchAll(/<h[23]>(?<text>[^<]*)/g)].map(({ groups }) => groups?.['text']);
    expect(headings).toEqual([
      'a',
      'v10: complete',
      'v2: not complete, do not use',
      'b',
      'v1: not complete, do not use',
      'Other files',
    ]);
  });

  test('shows each file once, with size and digest, as a link below wherever it is', () => {
    const page = renderStorePage([fileOf('a-amd64-v1', 52_428_800)]);
    expect(page.match(/<a href="\.\/a-amd64-v1">a-amd64-v1<\/a> 52\.4 MB/g)).toHaveLength(1);
    expect(page).toContain(`<code>${digestOf('a-amd64-v1')}</code>`);
  });

  test('has lines that fit 80 columns of a text browser', () => {
    const page = renderStorePage([fileOf('sandbox-tools-arm64-musl-v1'), fileOf('sandbox-tools-v1.SHA256SUMS')]);
    const shown = page.replaceAll(/<style>[^]*<\/style>/g, '').replaceAll(/<br>/g, '\n');
    for (const line of shown.split('\n')) expect(line.replaceAll(/<[^>]*>/g, '').length).toBeLessThanOrEqual(76);
  });

  test('never lets a name become markup, and has no script', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        const page = renderStorePage([fileOf(`${name}<script>"'&`)]);
        const tags = new Set([...page.matchAll(/<(?!\/)(?<tag>[a-z0-9!]+)/gi)].map(({ groups }) => groups?.['tag']));
        expect(tags).not.toContain('script');
        expect(page).not.toMatch(/href="[^"]*[<>]/);
      }),
    );
  });
});

describe('a line of the access log', () => {
  test('is one printable line, whatever was asked for', () => {
    const request = { event: 'request', time: 'T', from: '::1', method: 'GET', status: 404, bytes: 3, ms: 1 } as const;
    fc.assert(
      fc.property(fc.array(fc.nat(0xffff)), (units) => {
        const path = String.fromCharCode(...units);
        const line = describeServeEvent({ ...request, path });
        expect(line).toBe(printable(line));
      }),
    );
    expect(describeServeEvent({ ...request, path: '/a', bytes: null })).toBe('T ::1 GET /a 404 broken off 1 ms');
  });
});
