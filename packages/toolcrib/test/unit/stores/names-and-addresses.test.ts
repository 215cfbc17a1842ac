import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ARCHES, LIBCS } from '../../../src/core/target.ts';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { releaseManifestName, storedSumsName } from '../../../src/core/release-names.ts';
import { isStoreFileName } from '../../../src/stores/file-name.ts';
import { objectUrl } from '../../../src/stores/s3/address.ts';

describe('the name of a stored file', () => {
  const tool = fc.stringMatching(/^[a-z0-9]{1,20}(-[a-z0-9]{1,10}){0,5}$/);
  const version = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

  test('may be that of every artifact, manifest, sums file and attestation', () => {
    const target = fc.record({ arch: fc.constantFrom(...ARCHES), libc: fc.constantFrom(...LIBCS) });
    fc.assert(
      fc.property(tool, version, target, (t, v, at) => {
        const name = formatArtifactName({ tool: t, version: v, target: at, dev: false });
        const names = [name, `${name}.sigstore.json`, storedSumsName(t, v), releaseManifestName(t, v)];
        for (const each of names) expect(isStoreFileName(each)).toBe(true);
      }),
    );
  });

  test('is the same in a path, a URL and a key, and never leaves its folder', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        if (!isStoreFileName(name)) return;
        expect(new URL(name, 'https://a.org/store/').href).toBe(`https://a.org/store/${name}`);
        expect(encodeURIComponent(name)).toBe(name);
      }),
    );
  });
});

describe('the public address of an object', () => {
  test.each([
    ['s3://bucket?region=eu-west-1', 'https://bucket.s3.eu-west-1.amazonaws.com/f'],
    ['s3://bucket/some/where?region=eu-west-1', 'https://bucket.s3.eu-west-1.amazonaws.com/some/where/f'],
    ['s3://bucket', 'https://bucket.s3.amazonaws.com/f'],
    ['s3://bucket?region=cn-north-1', 'https://bucket.s3.cn-north-1.amazonaws.com.cn/f'],
    ['s3://my.bucket?region=us-east-1', 'https://s3.us-east-1.amazonaws.com/my.bucket/f'],
    ['s3://bucket?region=us-east-1&pathStyle=true', 'https://s3.us-east-1.amazonaws.com/bucket/f'],
    ['s3://bucket?endpoint=http://127.0.0.1:9000&pathStyle=true', 'http://127.0.0.1:9000/bucket/f'],
    ['s3://bucket?endpoint=http://10.1.2.3:9000', 'http://10.1.2.3:9000/bucket/f'],
    ['s3://bucket?endpoint=http://[2001:db8::1]:9000', 'http://[2001:db8::1]:9000/bucket/f'],
    ['s3://bucket?endpoint=http://localhost:9000', 'http://localhost:9000/bucket/f'],
    ['s3://bucket?endpoint=https://store.example.org', 'https://bucket.store.example.org/f'],
    ['s3://bucket/a b/ü?endpoint=https://e.org/base&pathStyle=true', 'https://e.org/base/bucket/a%20b/%C3%BC/f'],
  ])('of %s is %s', (text, expected) => {
    const reference = parseStoreReference(text);
    if (reference.kind !== 's3') throw new Error('not an S3 store');
    expect(objectUrl(reference, 'f')).toBe(expected);
  });
});
