import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStoreReference } from '../../../../src/core/reference.ts';
import { chunksOf } from '../../../../src/stores/oci/chunks.ts';
import { nextOf } from '../../../../src/stores/oci/pages.ts';
import { addressOf } from '../../../../src/stores/oci/registry-address.ts';
import { urlOf } from '../../../../src/stores/oci/session.ts';
import { failureOf } from '../../core/failure.ts';

function addressFor(text: string, rewrite: { from: string; to: string }[] = []): ReturnType<typeof addressOf> {
  const reference = parseStoreReference(text);
  if (reference.kind !== 'oci') throw new Error('not an OCI store');
  return addressOf(reference, rewrite);
}

describe('the address of a repository', () => {
  test.each([
    ['oci://ghcr.io/owner/tool', 'https://ghcr.io/v2/owner/tool/'],
    ['oci://localhost:5000/tool', 'http://localhost:5000/v2/tool/'],
    ['oci://images.example.com:5000/tool?insecure=true', 'http://images.example.com:5000/v2/tool/'],
    ['oci://docker.io/library/tool', 'https://registry-1.docker.io/v2/library/tool/'],
  ])('of %s is %s', (text, base) => {
    expect(addressFor(text).base).toBe(base);
  });

  test('goes to a mirror by a rewrite rule, with the credentials of the rule and those of its host', () => {
    const rewrite = [{ from: 'https://ghcr.io', to: 'https://user:pass@mirror.example.com:8443/ghcr' }];
    expect(addressFor('oci://ghcr.io/owner/tool', rewrite)).toEqual({
      base: 'https://mirror.example.com:8443/ghcr/v2/owner/tool/',
      origin: 'https://mirror.example.com:8443',
      host: 'mirror.example.com:8443',
      repository: 'owner/tool',
      authorization: `Basic ${Buffer.from('user:pass').toString('base64')}`,
    });
  });
});

describe('a location that a registry names', () => {
  const base = 'https://ghcr.io/v2/owner/tool/';

  test.each([
    ['/v2/owner/tool/blobs/uploads/1?state=a%20b', 'https://ghcr.io/v2/owner/tool/blobs/uploads/1?state=a%20b'],
    ['manifests/v1', 'https://ghcr.io/v2/owner/tool/manifests/v1'],
    ['https://uploads.example.com/1', 'https://uploads.example.com/1'],
  ])('%s is %s', (to, expected) => {
    expect(urlOf({ base }, to)).toBe(expected);
  });

  test('does not lead out of https, nor to anything else', () => {
    for (const to of ['http://ghcr.io/v2/x', 'ftp://ghcr.io/x', 'file:///etc/passwd', 'https://', 'http:'])
      expect(failureOf(() => urlOf({ base }, to))).toMatchObject({ code: 'REMOTE_REFUSED' });
    expect(urlOf({ base: 'http://localhost/v2/x/' }, 'http://localhost/y')).toBe('http://localhost/y');
  });
});

describe('the next page of a list', () => {
  const asked = 'https://ghcr.io/v2/a/b/tags/list?n=1000';

  test.each([
    ['</v2/a/b/tags/list?last=v1&n=1000>; rel="next"', 'https://ghcr.io/v2/a/b/tags/list?last=v1&n=1000'],
    ['<https://ghcr.io/next>; rel=next', 'https://ghcr.io/next'],
    ['</first>; rel="first", </next>; title="x"; REL="next"', 'https://ghcr.io/next'],
    ['</last>; rel="last"', undefined],
    ['nonsense', undefined],
    [undefined, undefined],
  ])('is read from %j', (link, expected) => {
    expect(nextOf(link, asked)).toBe(expected);
  });
});

describe('chunks of an upload', () => {
  test('are all of one size but the last, and the same bytes in all, however these came', async () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 60 }), async (given, size) => {
        // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
        async function* reusing(): AsyncGenerator<Uint8Array> {
          const memory = Buffer.alloc(50);
          for (const piece of given) {
            memory.set(piece);
            yield memory.subarray(0, piece.byteLength);
          }
        }
        const chunks: Buffer[] = [];
        for await (const chunk of chunksOf(reusing(), size)) chunks.push(Buffer.from(chunk));
        expect(Buffer.concat(chunks).equals(Buffer.concat(given))).toBe(true);
        expect(chunks.slice(0, -1).every((chunk) => chunk.byteLength === size)).toBe(true);
        expect(chunks.every((chunk) => chunk.byteLength > 0 && chunk.byteLength <= size)).toBe(true);
      }),
    );
  });
});
