import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSandboxReference, parseStoreReference } from '../../../src/core/reference.ts';
import { failureOf } from './failure.ts';

const s3 = { kind: 's3', prefix: '', region: undefined, endpoint: undefined, pathStyle: false, acl: undefined };

function expectRefused(parse: (text: string) => unknown, text: string): void {
  const error = failureOf(() => parse(text));
  expect(error.code).toBe('REFERENCE_INVALID');
  expect(error.hint).toBeTruthy();
}

/** Texts that come near to a reference, and any text. */
const nearly = (schemes: readonly string[]) =>
  fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom(...schemes), fc.string({ unit: 'binary' })).map(([scheme, rest]) => scheme + rest),
    fc.tuple(fc.constantFrom(...schemes), fc.webUrl()).map(([scheme, rest]) => scheme + rest),
  );

const STORE_BEGINNINGS = [
  ...['file:', 's3://', 's3://bucket/', 's3://bucket?', 's3://bucket?endpoint='],
  ...['github:', 'github:owner/', 'github:owner/repo?tag=', 'oci://', 'oci://host/', 'https://', 'http://127.0.0.1'],
];

describe('a store reference', () => {
  test.each([
    ['file:./store', './store'],
    ['file:store', 'store'],
    ['file:/srv/store', '/srv/store'],
    ['file:///srv/store', '/srv/store'],
    ['file:/srv/with space?and=mark', '/srv/with space?and=mark'],
  ])('%s is the directory %s', (text, directory) => {
    expect(parseStoreReference(text)).toEqual({ kind: 'directory', url: text, directory });
  });

  test('s3://bucket is a bucket with everything else left to the defaults', () => {
    expect(parseStoreReference('s3://my.bucket-1')).toEqual({ ...s3, url: 's3://my.bucket-1', bucket: 'my.bucket-1' });
  });

  test('of S3 takes a prefix, a region, an endpoint, path style and an ACL', () => {
    const text = 's3://bucket//a/b//?region=eu-north-1&endpoint=http://127.0.0.1:7480/&pathStyle=true&acl=public-read';
    expect(parseStoreReference(text)).toEqual({
      kind: 's3',
      url: text,
      bucket: 'bucket',
      prefix: 'a/b',
      region: 'eu-north-1',
      endpoint: 'http://127.0.0.1:7480',
      pathStyle: true,
      acl: 'public-read',
    });
  });

  test.each([
    ['github:owner/repo', { owner: 'owner', repository: 'repo', tagPrefix: undefined, endpoint: undefined }],
    [
      'github:my-org/my.repo_1?tag=tool-support&endpoint=https://github.example.com/',
      {
        owner: 'my-org',
        repository: 'my.repo_1',
        tagPrefix: 'tool-support',
        endpoint: 'https://github.example.com',
      },
    ],
  ])('%s is the releases of a repository on GitHub', (text, parts) => {
    expect(parseStoreReference(text)).toEqual({ kind: 'github', url: text, ...parts });
  });

  test.each([
    ['oci://images.example.org/team/tools', 'images.example.org', 'team/tools', false],
    ['oci://images.example.org:5000/tools?insecure=true', 'images.example.org:5000', 'tools', true],
    ['oci://localhost:5000/tools', 'localhost:5000', 'tools', true],
    ['oci://127.0.0.1:5000/tools', '127.0.0.1:5000', 'tools', true],
    ['oci://[::1]:5000/tools', '[::1]:5000', 'tools', true],
    ['oci://127.0.0.1.example.org/tools', '127.0.0.1.example.org', 'tools', false],
  ])('%s is a repository of a registry; only this machine is spoken to in plain HTTP unasked', (text, ...parts) => {
    const [host, repository, plainHttp] = parts;
    expect(parseStoreReference(text)).toEqual({ kind: 'oci', url: text, host, repository, plainHttp });
  });

  test.each([
    ['https://tools.example.org', 'https://tools.example.org'],
    ['https://tools.example.org/a/b//', 'https://tools.example.org/a/b'],
    ['http://127.0.0.1:8080/tools', 'http://127.0.0.1:8080/tools'],
    ['http://localhost:8080', 'http://localhost:8080'],
  ])('%s is an HTTP store below %s', (text, base) => {
    expect(parseStoreReference(text)).toEqual({ kind: 'http', url: text, base });
  });

  test.each([
    '',
    'store',
    '/srv/store',
    'FILE:/srv/store',
    'file:',
    'file://',
    'file://host/share',
    'file:/srv/\0',
    's3:bucket',
    's3://',
    's3://ab',
    's3://Bucket',
    's3://-bucket',
    's3://bucket-',
    `s3://${'b'.repeat(64)}`,
    's3://key:secret@bucket',
    's3://bucket#fragment',
    's3://bucket?versioned=true',
    's3://bucket?region=',
    's3://bucket?region=a&region=b',
    's3://bucket?region=x.example.org%2F',
    's3://bucket?region=a@b',
    's3://bucket?region=EU',
    's3://bucket?pathStyle=yes',
    's3://bucket?acl=private',
    's3://bucket?endpoint=127.0.0.1:7480',
    's3://bucket?endpoint=ftp://127.0.0.1',
    's3://bucket?endpoint=http://127.0.0.1/?x=y',
    'github:',
    'github:owner',
    'github:owner/repo/more',
    'github:own er/repo',
    'github:-owner/repo',
    'github:owner/..',
    'github:owner/repo?endpoint=http://github.example.com',
    'github:owner/repo?tag=-v1',
    'github:owner/repo?tag=a/b',
    'github:owner/repo?endpoint=github.example.com',
    'github:owner/repo?draft=true',
    'github:owner/repo#fragment',
    'oci:host/repo',
    'oci://host',
    'oci://host/Repo',
    'oci://host/repo:v1',
    'oci://host/repo@sha256:00',
    'oci://host/repo?insecure=yes',
    'oci://host/repo?tls=true',
    'http://host.example.org/base',
    'https://',
    'https://host/base?x=y',
    'https://host/base#fragment',
    'ftp://host/base',
  ])('is not %j, and a hint says what is', (text) => {
    expectRefused(parseStoreReference, text);
  });

  test('is read or refused with a hint, whatever the text; nothing else is thrown', () => {
    fc.assert(
      fc.property(nearly(STORE_BEGINNINGS), (text) => {
        try {
          expect(parseStoreReference(text).url).toBe(text);
        } catch {
          expectRefused(parseStoreReference, text);
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    's3://AKIAKEY:SECRET/with/slash@bucket',
    's3:AKIAKEY:SECRET@bucket',
    's3://bucket?endpoint=https://me:SECRET@host',
    's3://bucket?endpoint=https%3A%2F%2Fme%3ASECRET%40host',
    'https://me:SECRET@host/base',
    'github:me:SECRET@owner/repo',
    'github:owner/repo?token=SECRET',
    'oci://me:SECRET@host/repo',
    'oci://host/repo?password=SECRET',
    'https://host/base?X-Amz-Signature=SECRET',
    'me:SECRET@host',
  ])('with credentials (%s) is refused without repeating them', (text) => {
    const { message, hint, details } = failureOf(() => parseStoreReference(text));
    expect(JSON.stringify({ message, hint, details })).not.toMatch(/SECRET/);
  });
});

describe('a sandbox reference', () => {
  test.each([
    ['docker:web', { kind: 'docker', name: 'web' }],
    ['docker:my_app.1-x', { kind: 'docker', name: 'my_app.1-x' }],
    [`docker:${'0f'.repeat(32)}`, { kind: 'docker', name: '0f'.repeat(32) }],
    ['podman:web', { kind: 'podman', name: 'web' }],
    ['exec:kubectl exec -i pod --', { kind: 'exec', prefix: ['kubectl', 'exec', '-i', 'pod', '--'] }],
    [`exec:ssh -o 'A b' "c $d"`, { kind: 'exec', prefix: ['ssh', '-o', 'A b', 'c $d'] }],
    ['local:.', { kind: 'local', directory: '.' }],
    ['local:/srv/a b', { kind: 'local', directory: '/srv/a b' }],
    ['local:a:b', { kind: 'local', directory: 'a:b' }],
  ])('%s names one', (text, expected) => {
    expect(parseSandboxReference(text)).toEqual({ ...expected, text });
  });

  test.each([
    '',
    'web',
    ':web',
    'docker:',
    'docker:-rm',
    'docker:a/b',
    'docker:a b',
    'docker:../x',
    'docker:a?b',
    'docker:a\n',
    'Docker:web',
    'local:',
    'local:\0',
    'podman:',
    'podman:a/b',
    'exec:',
    'exec: ',
    "exec:'' x",
    "exec:ssh 'host",
    'exec:ssh host\\',
    'exec:a\0b',
  ])('is not %j, and a hint says what is', (text) => {
    expectRefused(parseSandboxReference, text);
  });

  test('is read or refused with a hint, whatever the text; a container name never leaves its place in a URL', () => {
    fc.assert(
      fc.property(nearly(['docker:', 'local:', 'podman:', 'exec:']), (text) => {
        try {
          const reference = parseSandboxReference(text);
          expect(reference.text).toBe(text);
          if (reference.kind === 'exec') expect(reference.prefix[0]).toBeTruthy();
          else if (reference.kind !== 'local') expect(encodeURIComponent(reference.name)).toBe(reference.name);
        } catch {
          expectRefused(parseSandboxReference, text);
        }
      }),
      { numRuns: 500 },
    );
  });
});
