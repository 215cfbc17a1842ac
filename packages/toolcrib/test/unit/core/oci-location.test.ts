import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDigest, type Digest } from '../../../src/core/digest.ts';
import { locateBelow, parseOciBase, parseOciLocation, pinOciName } from '../../../src/core/oci-location.ts';
import { failureOf } from './failure.ts';

const digest: Digest = `sha256:${'0a'.repeat(32)}`;

const name = fc.stringMatching(/^[a-z0-9]+(?:[._-][a-z0-9]+)?$/);
const host = fc.constantFrom('ghcr.io', 'localhost:5000', '127.0.0.1:5000', 'images.example.com', '[::1]:5000');
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/);
const location = fc.record({
  host,
  repository: fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
  tag: fc.option(tag, { nil: undefined }),
  digest: fc.option(fc.constant(digest), { nil: undefined }),
  query: fc.constantFrom('', '?insecure=true'),
});

describe('an artifact of a registry', () => {
  test('has a host, a repository, and a tag or a digest or both', () => {
    fc.assert(
      fc.property(location, (parts) => {
        const tagged = parts.tag === undefined ? '' : `:${parts.tag}`;
        const pinned = parts.digest === undefined ? '' : `@${parts.digest}`;
        const text = `oci://${parts.host}/${parts.repository}${tagged}${pinned}${parts.query}`;
        const { repository, ...rest } = parseOciLocation(text);
        expect(rest).toEqual({ tag: parts.tag, digest: parts.digest });
        expect(repository).toMatchObject({ kind: 'oci', host: parts.host, repository: parts.repository });
        const pin = pinOciName(text, digest);
        expect(pin).toBe(`oci://${parts.host}/${parts.repository}@${digest}${parts.query}`);
        expect(parseOciLocation(pin)).toEqual({ repository, tag: undefined, digest });
      }),
    );
  });

  test('of this machine, or where it is said, is asked for without TLS', () => {
    expect(parseOciLocation('oci://127.0.0.1:5000/a').repository.plainHttp).toBe(true);
    expect(parseOciLocation('oci://images.example.com/a').repository.plainHttp).toBe(false);
    expect(parseOciLocation('oci://images.example.com/a:1?insecure=true').repository.plainHttp).toBe(true);
  });

  test.each([
    'oci://',
    'oci://host',
    'oci://host/UPPER',
    'oci://host/a:',
    'oci://host/a:b:c',
    'oci://host/a@',
    'oci://host/a@sha256:0',
    `oci://host/a@${digest}@${digest}`,
    'oci://host/a?tag=1',
    'oci://user:password@host/a',
    'ghcr.io/a',
  ])('is not %s', (text) => expect(failureOf(() => parseOciLocation(text)).code).toBe('REFERENCE_INVALID'));

  test('is read or refused, whatever it is', () => {
    const near = fc
      .tuple(fc.constantFrom('', 'oci://', 'oci://host/a', 'oci://host/a:1@'), fc.string())
      .map((each) => each.join(''));
    fc.assert(
      fc.property(near, (text) => {
        try {
          const { digest: found } = parseOciLocation(text);
          expect(found === undefined || isDigest(found)).toBe(true);
        } catch {
          expect(failureOf(() => parseOciLocation(text)).code).toBe('REFERENCE_INVALID');
        }
      }),
    );
  });
});

describe('a repo:// reference', () => {
  test('and its base carry no credentials, and they are not repeated', () => {
    const base = parseOciBase('https://images.example.com');
    const failures = [
      failureOf(() => locateBelow(base, 'repo://user:hunter2@a:1')),
      failureOf(() => parseOciBase('https://user:hunter2@images.example.com')),
    ];
    for (const { code, message, details } of failures) {
      expect(code).toBe('REFERENCE_INVALID');
      expect(JSON.stringify([message, details])).not.toContain('hunter2');
    }
  });

  test.each([
    ['https://images.example.com/team', 'repo://http:1.0', 'oci://images.example.com/team/http', false],
    ['https://images.example.com/team/', 'repo://a/http:1.0', 'oci://images.example.com/team/a/http', false],
    ['oci://images.example.com', 'repo:///http:1.0', 'oci://images.example.com/http', false],
    ['http://127.0.0.1:5000', 'repo://http:1.0', 'oci://127.0.0.1:5000/http', true],
  ])('below %s %s is %s', (base, text, url, plainHttp) => {
    const found = locateBelow(parseOciBase(base), text);
    expect(found).toMatchObject({ repository: { url, plainHttp }, tag: '1.0' });
  });

  test('has the options of its base', () => {
    const { repository } = locateBelow(parseOciBase('oci://images.example.com/team?insecure=true'), 'repo://http:1');
    expect(repository).toMatchObject({ host: 'images.example.com', repository: 'team/http', plainHttp: true });
  });

  test.each([
    'repo://http?insecure=true',
    'repo://',
    'repo://..',
    'repo://../other',
    'repo://UPPER',
    'repo://a@sha256:1',
  ])('is not %s', (text) => {
    const base = parseOciBase('https://images.example.com/team');
    expect(failureOf(() => locateBelow(base, text)).code).toBe('REFERENCE_INVALID');
  });

  test('is pinned as it is written', () => {
    expect(pinOciName('repo://team/http:1.0', digest)).toBe(`repo://team/http@${digest}`);
  });

  test.each([
    '',
    'images.example.com',
    'ftp://host',
    'http://images.example.com',
    'https://',
    'https://host/a:1',
    'oci://host/a@b',
  ])('does not stand below %j', (base) => {
    const error = failureOf(() => parseOciBase(base));
    expect(error.code).toBe('REFERENCE_INVALID');
    expect(error.message).toContain(JSON.stringify(base));
  });
});
