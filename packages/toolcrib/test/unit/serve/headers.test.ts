import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { parseByteRange } from '../../../src/serve/byte-range.ts';
import { announcedDigest, digestHeaders, entityTag } from '../../../src/serve/digest-headers.ts';
import { answerFile } from '../../../src/serve/file-answer.ts';
import { Refusal } from '../../../src/serve/refusal.ts';
import { loggedPath } from '../../../src/serve/serve-event.ts';

const size = fc.integer({ min: 0, max: 10_000 });
const digest = fc.string().map(digestOf);

describe('a range of bytes', () => {
  test('that is asked for is inside the file and begins where it was asked for', () => {
    fc.assert(
      fc.property(size, fc.nat(12_000), fc.option(fc.nat(12_000)), (bytes, first, last) => {
        const range = parseByteRange(`bytes=${first}-${last ?? ''}`, bytes);
        if (last !== null && last < first) expect(range).toBeUndefined();
        else if (first >= bytes) expect(range).toBe('unsatisfiable');
        else expect(range).toEqual({ start: first, end: Math.min(last ?? bytes - 1, bytes - 1) });
      }),
    );
  });

  test('counted from the end is the end', () => {
    fc.assert(
      fc.property(size, fc.nat(12_000), (bytes, count) => {
        const range = parseByteRange(`bytes=-${count}`, bytes);
        if (bytes === 0 || count === 0) expect(range).toBe('unsatisfiable');
        else expect(range).toEqual({ start: Math.max(0, bytes - count), end: bytes - 1 });
      }),
    );
  });

  test('is never outside of the file, whatever the header says', () => {
    const text = fc.oneof(fc.string(), fc.stringMatching(/^bytes=[0-9]{0,20}-[0-9]{0,20}(,[0-9]-)?$/));
    fc.assert(
      fc.property(text, size, (header, bytes) => {
        const range = parseByteRange(header, bytes);
        if (typeof range !== 'object') return;
        expect(range.start).toBeGreaterThanOrEqual(0);
        expect(range.end).toBeGreaterThanOrEqual(range.start);
        expect(range.end).toBeLessThan(bytes);
      }),
    );
  });

  test.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=0-1,4-5', 'items=0-1', 'bytes=5-4', 'bytes=a-b'])(
    'is the whole file for %j',
    (header) => {
      expect(parseByteRange(header, 10)).toBeUndefined();
    },
  );
});

describe('digest headers', () => {
  test('are read as they are written', () => {
    fc.assert(
      fc.property(digest, (each) => {
        const headers = digestHeaders(each);
        expect(announcedDigest(headers)).toBe(each);
        expect(announcedDigest({ 'repr-digest': headers['repr-digest'] })).toBe(each);
        expect(announcedDigest({ 'x-artifact-sha256': headers['x-artifact-sha256'].toUpperCase() })).toBe(each);
        expect(announcedDigest({ 'repr-digest': `sha-512=:AAAA:, ${headers['repr-digest']}` })).toBe(each);
      }),
    );
  });

  test('are what RFC 9530 says of the bytes of its example', () => {
    // RFC 9530, appendix B.1: {"hello": "world"} and a newline.
    const headers = digestHeaders(digestOf('{"hello": "world"}\n'));
    expect(headers['repr-digest']).toBe('sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:');
  });

  test.each([{}, { 'repr-digest': 'sha-512=:AAAA:' }, { 'repr-digest': '' }])('say nothing in %j', (headers) => {
    expect(announcedDigest(headers)).toBeUndefined();
  });

  test('that are broken, or contradict each other, are refused', () => {
    const good = digestHeaders(digestOf('a'));
    for (const headers of [
      { 'x-artifact-sha256': 'abc' },
      { 'x-artifact-sha256': '' },
      { 'repr-digest': 'sha-256=abc' },
      { 'repr-digest': 'sha-256=:AAAA:' },
      { 'repr-digest': `${good['repr-digest']}, sha-256` },
      { ...good, 'x-artifact-sha256': digestHeaders(digestOf('b'))['x-artifact-sha256'] },
    ]) {
      expect(() => announcedDigest(headers)).toThrow(Refusal);
    }
  });

  test('never let a text through that is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(announcedDigest({ 'x-artifact-sha256': text })).toMatch(/^sha256:[0-9a-f]{64}$/);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });
});

describe('the answer with a file', () => {
  const file = { name: 'tool-amd64-v1', size: 10, digest: digestOf('0123456789') };
  const tag = entityTag(file.digest);

  test('is the whole of it, cacheable for ever, with its digest', () => {
    const { status, headers, range } = answerFile({}, file);
    expect({ status, range }).toEqual({ status: 200, range: { start: 0, end: 9 } });
    expect(headers).toMatchObject({ etag: tag, 'content-length': '10', ...digestHeaders(file.digest) });
    expect(headers['cache-control']).toContain('immutable');
  });

  test('may be kept for ever only where the file belongs to a release', () => {
    expect(answerFile({}, { ...file, name: 'tool.revoked.json' }).headers['cache-control']).toBe('no-cache');
  });

  test.each([
    [{ range: 'bytes=2-3' }, 206, { 'content-range': 'bytes 2-3/10', 'content-length': '2' }],
    [{ range: 'bytes=10-' }, 416, { 'content-range': 'bytes */10' }],
    [{ range: 'bytes=2-3', 'if-range': tag }, 206, {}],
    [{ range: 'bytes=2-3', 'if-range': '"other"' }, 200, { 'content-length': '10' }],
    [{ range: 'bytes=2-3', 'if-range': `W/${tag}` }, 200, {}],
    [{ 'if-none-match': tag }, 304, { etag: tag }],
    [{ 'if-none-match': `"other", W/${tag}`, range: 'bytes=2-3' }, 304, {}],
    [{ 'if-none-match': '*' }, 304, {}],
    [{ 'if-none-match': '"other"' }, 200, {}],
    [{ 'if-match': '"other"' }, 412, {}],
    [{ 'if-match': `W/${tag}` }, 412, {}],
    [{ 'if-match': tag }, 200, {}],
  ])('to %j is %d', (request, status, headers) => {
    const answer = answerFile(request, file);
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject(headers);
  });

  test('announces as many bytes as it sends', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(60), fc.nat(60), (bytes, first, last) => {
        const answer = answerFile({ range: `bytes=${first}-${last}` }, { ...file, size: bytes });
        const sent = answer.range === undefined ? 0 : answer.range.end - answer.range.start + 1;
        expect(Number(answer.headers['content-length'])).toBe(sent);
      }),
    );
  });
});

describe('the path of a request in the log', () => {
  test('has no query, no fragment, and an end', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^(\/[a-z%2]{0,9}){0,9}$/), fc.string(), (path, secret) => {
        expect(loggedPath(`${path}?token=${secret}`)).toBe(path.slice(0, 300));
        expect(loggedPath(`${path}#${secret}`)).toBe(path.slice(0, 300));
      }),
    );
    expect(loggedPath(`/${'x'.repeat(10_000)}`).length).toBe(300);
  });
});
