import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayUrl } from '../../../src/transfer/display-url.ts';
import { locationOf, redirected } from '../../../src/transfer/location.ts';
import { rewriteUrl } from '../../../src/transfer/rewrite.ts';

describe('a rewrite rule', () => {
  test.each([
    ['https://a.org/x/y', [{ from: 'https://a.org', to: 'https://m.org/a' }], 'https://m.org/a/x/y'],
    ['https://a.org/x/y', [{ from: 'https://a.org/', to: 'https://m.org/' }], 'https://m.org/x/y'],
    ['https://a.org/x/y', [{ from: 'https://a.org/', to: 'https://m.org' }], 'https://m.org/x/y'],
    ['https://a.org/x/y', [{ from: 'https://a.org', to: 'https://m.org/' }], 'https://m.org/x/y'],
    ['https://a.org/x', [{ from: 'https://a.org/x', to: 'https://m.org/z' }], 'https://m.org/z'],
    ['https://a.org/x?q=1', [{ from: 'https://a.org/x', to: 'https://m.org/z' }], 'https://m.org/z?q=1'],
    ['https://a.org.evil.net/x', [{ from: 'https://a.org', to: 'https://m.org' }], 'https://a.org.evil.net/x'],
    ['https://a.org/xy', [{ from: 'https://a.org/x', to: 'https://m.org' }], 'https://a.org/xy'],
    ['https://b.org/x', [{ from: 'https://a.org', to: 'https://m.org' }], 'https://b.org/x'],
  ])('sends %s by %j to %s', (url, rules, expected) => {
    expect(rewriteUrl(url, rules)).toBe(expected);
  });

  test('yields to the one that says more, whatever their order', () => {
    const rules = [
      { from: 'https://a.org', to: 'https://all.org' },
      { from: 'https://a.org/x', to: 'https://x.org' },
    ];
    expect(rewriteUrl('https://a.org/x/1', rules)).toBe('https://x.org/1');
    expect(rewriteUrl('https://a.org/x/1', rules.toReversed())).toBe('https://x.org/1');
    expect(rewriteUrl('https://a.org/y', rules)).toBe('https://all.org/y');
  });
});

describe('a URL that is shown', () => {
  test('carries no user, password, signature or fragment', () => {
    expect(displayUrl('https://user:pw@a.org/x?X-Amz-Signature=abc&versionId=7&token=t#frag')).toBe(
      'https://a.org/x?X-Amz-Signature=***&versionId=7&token=***',
    );
    expect(displayUrl('no url')).toBe('<not a URL>');
  });

  test('never contains a secret, wherever it stood', () => {
    const secret = fc.stringMatching(/^[a-zA-Z0-9]{12,20}$/).map((text) => `S3CR3T${text}`);
    fc.assert(
      fc.property(secret, fc.stringMatching(/^[a-z-]{1,12}$/), (text, key) => {
        fc.pre(!['prefix', 'delimiter', 'page', 'versionid', 'list-type', 'partnumber'].includes(key));
        for (const url of [
          `https://${text}@a.org/`,
          `https://u:${text}@a.org/`,
          `https://a.org/?${key}=${text}`,
          `https://a.org/#${text}`,
        ]) {
          expect(displayUrl(url)).not.toContain(text);
        }
      }),
    );
  });
});

describe('credentials', () => {
  test('in a URL become a header, and the URL forgets them', () => {
    const location = locationOf('https://user:p%40ss@a.org/x', undefined);
    expect(location.url.href).toBe('https://a.org/x');
    expect(location.authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(locationOf('https://%zz:%@a.org/', undefined).authorization).toMatch(/^Basic /);
  });

  test('stay with their origin when a redirect leaves it', () => {
    const from = locationOf('https://a.org/x', 'Bearer secret');
    expect(redirected(from, '/y').authorization).toBe('Bearer secret');
    expect(redirected(from, 'https://b.org/y').authorization).toBeUndefined();
    expect(redirected(from, 'https://a.org:444/y').authorization).toBeUndefined();
    expect(redirected(redirected(from, 'https://b.org/y'), 'https://a.org/z').authorization).toBeUndefined();
  });

  test.each([undefined, 'http://', 'http://a.org/y', 'file:///etc/passwd', 'ftp://a.org/'])(
    'are not asked for at all when https redirects to %s',
    (target) => {
      expect(() => redirected(locationOf('https://a.org/x', undefined), target)).toThrow(
        expect.objectContaining({ code: 'REMOTE_REFUSED' }),
      );
    },
  );
});
