import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChallenge } from '../../../../src/stores/oci/challenge.ts';

describe('what a registry asks for', () => {
  test.each([
    [
      'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull,push"',
      { scheme: 'bearer', realm: 'https://ghcr.io/token', service: 'ghcr.io', scope: 'repository:a/b:pull,push' },
    ],
    [
      'bearer  Realm = "https://x/t" , error="insufficient_scope"',
      { scheme: 'bearer', realm: 'https://x/t', service: undefined, scope: undefined },
    ],
    ['Basic realm="a \\"quoted\\" name"', { scheme: 'basic' }],
    ['BASIC', { scheme: 'basic' }],
    [
      'Basic realm=x, Bearer realm="https://x/t"',
      { scheme: 'bearer', realm: 'https://x/t', service: undefined, scope: undefined },
    ],
    ['Negotiate, Basic realm="x"', { scheme: 'basic' }],
    ['Bearer service="no realm"', undefined],
    ['Digest realm="x", nonce="y"', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('is read from %j', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });

  test('is the realm and the scope that were written, whatever they hold', () => {
    const text = fc.string({ unit: 'binary-ascii', minLength: 1 });
    fc.assert(
      fc.property(text, text, (realm, scope) => {
        const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
        const challenge = parseChallenge(`Bearer realm=${quote(realm)},scope=${quote(scope)}`);
        expect(challenge).toEqual({ scheme: 'bearer', realm, service: undefined, scope });
      }),
    );
  });

  test('is read, or not, without an error from whatever a server sends', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const challenge = parseChallenge(header);
        expect(['bearer', 'basic', undefined]).toContain(challenge?.scheme);
      }),
    );
  });
});
