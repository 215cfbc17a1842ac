import fc from 'fast-check';
import { expect, test } from 'vitest';
import { carriesCredentials, quotedReference, shownReference } from '../../../src/core/shown-reference.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

test.each([
  ['https://bob:hunter2@h/a?b', 'https://…@h/a?…'],
  [' HTTPS://bob:hunter2@h/a', ' HTTPS://…@h/a'],
  ['https:bob:hunter2@h/a', 'https:…@h/a'],
  ['https://bob:hunter2@[bad/a', 'https://…@[bad/a'],
  ['https://bob:hun/ter2@h/a', 'https://…@h/a'],
  ['https://bob:hun?ter2@h/a', 'https://…@h/a'],
  ['https://h/@scope/a?X-Amz-Signature=hunter2#b', 'https://h/@scope/a?…'],
  ['https://h/a#hunter2', 'https://h/a#…'],
  ['ftp://bob:hunter2@h/a', 'ftp://…@h/a'],
  ['oci://bob:hunter2@h/x:1', 'oci://…@h/x:1'],
  [`oci://hunter2@h/x:1@${digest}`, `oci://…@h/x:1@${digest}`],
  ['oci://bob:hun/ter2@h/x:1', 'oci://…@h/x:1'],
  ['oci://h/x:1?token=hunter2', 'oci://h/x:1?…'],
  ['repo://bob:hunter2@x:1', 'repo://…@x:1'],
  ['store://bob:hunter2@h/x@1.0.0', 'store://…@h/x@1.0.0'],
  ['store://bob:hunter2@x@1', 'store://…@x@1'],
  ['http:///bob:hunter2@h/a', 'http:///…@h/a'],
  [String.raw`http:\\bob:hunter2@h/a`, String.raw`http:\\…@h/a`],
  ['ht\ttp://bob:hunter2@h/a', 'http://…@h/a'],
  ['oci\n://bob:hunter2@h/a:1', 'oci://…@h/a:1'],
  ['https://h/p/https://bob:hunter2@h/a', 'https://h/p/https://…@h/a'],
  ['a.gtxpack?x=https://bob:hunter2@h/a', 'a.gtxpack?x=https://…@h/a'],
  ['file:///srv/https://bob:hunter2@h/a', 'file:///srv/https://…@h/a'],
])('%j is shown as %j', (reference, shown) => {
  expect(shownReference(reference)).toBe(shown);
  expect(quotedReference(reference)).toBe(JSON.stringify(shown));
  expect(carriesCredentials(reference)).toBe(shown.includes('…@'));
  expect(shownReference(shown)).toBe(shown);
});

test.each([
  'a/b.gtxpack',
  'user@host:a?b',
  'file:///srv/a@b?c.gtxpack',
  'https://example.com/a@1.gtxpack',
  'oci://ghcr.io/acme/http:1.0',
  `oci://localhost:5000/acme/http:1.0@${digest}?insecure=true`,
  'repo://http:1.0',
  `repo://http:1.0@${digest}`,
  'store://acme:http@1.0.0',
  'store://acme/http@1.0.0',
])('%j is shown as it is', (reference) => {
  expect(shownReference(reference)).toBe(reference);
  expect(carriesCredentials(reference)).toBe(false);
});

test('a URL in a query is not shown, and its credentials are found', () => {
  const reference = 'https://h/a?x=https://bob:hunter2@h/b';
  expect(shownReference(reference)).toBe('https://h/a?…');
  expect(carriesCredentials(reference)).toBe(true);
  expect(carriesCredentials('https://h/a?x=https://h/@scope/b')).toBe(false);
});

test('a password is never shown, whatever it is', () => {
  const scheme = fc.constantFrom('https://', 'HTTP://', 'oci://', 'repo://', 'ftp://', 'x+y://');
  const password = fc.stringMatching(/^[A-Za-z0-9:;,.!$&'()*+=_~%^|-]{0,20}$/).map((text) => `${text}hunter2`);
  fc.assert(
    fc.property(scheme, password, fc.constantFrom('h/x:1', '[bad/x', `h/x@${digest}`), (start, secret, rest) => {
      expect(shownReference(`${start}bob:${secret}@${rest}`)).toBe(`${start}…@${rest}`);
    }),
  );
});
