import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseExtRef, formatExtRef } from '../../../src/extensions/ext-ref.ts';
import { parseExtensionSource, sourceKindOf } from '../../../src/extensions/extension-source.ts';
import { formatStoreRef, parseStoreRef, storeArtifactUrl } from '../../../src/extensions/store-ref.ts';
import { failureOf } from '../core/failure.ts';

/** Any text, and texts that come near to a reference. */
const nearly = (...beginnings: readonly string[]) =>
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.tuple(fc.constantFrom(...beginnings), fc.string()).map(([beginning, rest]) => beginning + rest),
    fc.tuple(fc.constantFrom(...beginnings), fc.webUrl()).map(([beginning, rest]) => beginning + rest),
  );

/** What a parser makes of a text; undefined for what it refuses as it should. */
function parsedOrRefused<T>(parse: (text: string) => T, text: string): T | undefined {
  try {
    return parse(text);
  } catch {
    const error = failureOf(() => parse(text));
    expect(error.code).toBe('REFERENCE_INVALID');
    expect(error.hint).toBeTruthy();
    return undefined;
  }
}

describe('an ext:// reference', () => {
  test('names an extension', () => {
    expect(parseExtRef('ext://greentic.http#component')).toEqual({ extensionId: 'greentic.http' });
  });

  test('is written as it was read', () => {
    const id = fc.string({ unit: 'binary' }).filter((text) => text.trim() !== '' && !text.includes('#'));
    fc.assert(
      fc.property(id, (extensionId) => {
        expect(parseExtRef(formatExtRef({ extensionId }))).toEqual({ extensionId });
      }),
    );
    fc.assert(
      fc.property(nearly('ext://', 'ext://a#', 'ext://#component', 'ext://a#component'), (text) => {
        const parsed = parsedOrRefused(parseExtRef, text);
        if (parsed !== undefined) expect(formatExtRef(parsed)).toBe(text);
      }),
    );
  });

  test.each([
    ['oci://foo#component', 'must begin with ext://'],
    ['EXT://foo#component', 'must begin with ext://'],
    ['', 'must begin with ext://'],
    ['ext://greentic.http', 'has no fragment #component'],
    ['ext://greentic.http#other', 'must end with #component, not with "#other"'],
    ['ext://greentic.http#component#component', 'must end with #component, not with "#component#component"'],
    ['ext://greentic.http#', 'must end with #component, not with "#"'],
    ['ext://#component', 'must not be empty'],
    ['ext:// \t#component', 'must not be empty'],
  ])('is not %j, and that is quoted', (text, what) => {
    const { code, message } = failureOf(() => parseExtRef(text));
    expect(code).toBe('REFERENCE_INVALID');
    expect(message).toContain(what);
    expect(message).toContain(JSON.stringify(text));
  });
});

describe('a store:// reference', () => {
  test.each([
    ['store://memory-chronicle@0.4.0', { name: 'memory-chronicle', version: '0.4.0' }],
    ['store://acme/http@1.0.0-rc.1+build', { name: 'acme/http', version: '1.0.0-rc.1+build' }],
    ['store://acme:http@1@2', { name: 'acme:http', version: '1@2' }],
  ])('%s has a name and a version', (text, parsed) => {
    expect(parseStoreRef(text)).toEqual(parsed);
    expect(formatStoreRef(parsed)).toBe(text);
  });

  test.each([
    ['oci://a:1', 'must begin with store://'],
    ['store://a', 'names no version'],
    ['store://@1', 'has a name that must not be empty'],
    ['store://  @1', 'has a name that must not be empty'],
    ['store://a@', 'has a version that must not be empty'],
    ['store://a@ ', 'has a version that must not be empty'],
    [`store://a@sha256:${'0'.repeat(64)}`, 'names a digest'],
    ['store://../a@1', 'has a name that is no path of a store'],
    ['store://a@..', 'has a version that is no path of a store'],
    ['store://a//b@1', 'has a name that is no path of a store'],
    ['store://a?b@1', 'has a name that is no path of a store'],
    ['store://a%2e@1', 'has a name that is no path of a store'],
    [String.raw`store://a\b@1`, 'has a name that is no path of a store'],
    ['store://a@1 2', 'has a version that is no path of a store'],
    [`store://${'a'.repeat(200)}@1`, 'has more than 200 bytes'],
  ])('is not %j, and that is quoted', (text, what) => {
    const { code, message } = failureOf(() => parseStoreRef(text));
    expect(code).toBe('REFERENCE_INVALID');
    expect(message).toContain(what);
    expect(message).toContain(JSON.stringify(text.slice(0, 200)));
  });

  test('is written as it was read, and asks for nothing but an artifact of the store', () => {
    const base = 'https://store.example/base';
    fc.assert(
      fc.property(nearly('store://', 'store://a@', 'store://a/b@1', 'store://..@'), (text) => {
        const parsed = parsedOrRefused(parseStoreRef, text);
        if (parsed === undefined) return;
        expect(formatStoreRef(parsed)).toBe(text);
        const url = storeArtifactUrl(base, parsed);
        expect(new URL(url).href).toBe(url);
        expect(decodeURIComponent(url)).toBe(`${base}/api/v1/extensions/${parsed.name}/${parsed.version}/artifact`);
      }),
    );
  });

  test.each(['https://store.example', 'https://store.example/', 'https://store.example///'])(
    'is asked for below %s',
    (base) => {
      expect(storeArtifactUrl(base, { name: 'n', version: '1.0.0' })).toBe(
        'https://store.example/api/v1/extensions/n/1.0.0/artifact',
      );
    },
  );
});

describe('the source of an extension', () => {
  test.each([
    ['file:///srv/http.gtxpack', { kind: 'file', path: '/srv/http.gtxpack' }],
    ['file://packs/a%20b.gtxpack', { kind: 'file', path: 'packs/a%20b.gtxpack' }],
    ['packs/http.gtxpack', { kind: 'file', path: 'packs/http.gtxpack' }],
    ['c:odd name', { kind: 'file', path: 'c:odd name' }],
    ['https://example.com/a.gtxpack?v=1', { kind: 'http', url: 'https://example.com/a.gtxpack?v=1' }],
    ['http://127.0.0.1/a', { kind: 'http', url: 'http://127.0.0.1/a' }],
    ['store://a@1', { kind: 'store', store: { name: 'a', version: '1' } }],
    ['repo://team/http:1', { kind: 'repo', name: 'repo://team/http:1' }],
    [' store://a@1 ', { kind: 'store', store: { name: 'a', version: '1' } }],
  ])('%j is %j', (text, source) => {
    expect(parseExtensionSource(text)).toEqual(source);
    expect(sourceKindOf(text)).toBe(source.kind);
  });

  test('in a registry has a repository, and a tag or a digest', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(parseExtensionSource(`oci://ghcr.io/acme/http:1.0@${digest}`)).toMatchObject({
      kind: 'oci',
      location: { repository: { host: 'ghcr.io', repository: 'acme/http', plainHttp: false }, tag: '1.0', digest },
    });
  });

  test.each([
    ['ftp://example.com/a', 'has a scheme that is not supported'],
    ['HTTPS://example.com/a', 'has a scheme that is not supported'],
    ['a/b://c', 'has a scheme that is not supported'],
    ['file://', 'names no file'],
    ['store:a@1', 'has no // behind its scheme'],
    ['a\0b', 'names no file'],
    ['https://', 'is no URL'],
    ['https://example.com/a#…', 'has a fragment'],
    ['oci://ghcr.io/acme/http@sha256:abc', 'has a digest that is not'],
    ['oci://ghcr.io/acme/http:-tag', 'has a tag that is none'],
    ['store://a', 'names no version'],
  ])('is not %j, and that is quoted', (text, what) => {
    const { code, message } = failureOf(() => parseExtensionSource(text));
    expect(code).toBe('REFERENCE_INVALID');
    expect(message).toContain(what);
    expect(message).toContain(JSON.stringify(text));
  });

  test.each([
    ['https://user:hunter2@example.com/a', 'carries credentials'],
    ['https://user:hunter2@[bad/', 'carries credentials'],
    ['http:user:hunter2@example.com/a', 'has no // behind its scheme'],
    [String.raw`http:\\user:hunter2@example.com\a`, 'has no // behind its scheme'],
    ['HTTP:/user:hunter2@example.com/a', 'has no // behind its scheme'],
    ['http:///user:hunter2@example.com/a', 'carries credentials'],
    ['ht\ttp://user:hunter2@example.com/a', 'has a scheme that is not supported'],
    ['http\t:user:hunter2@example.com/a', 'has no // behind its scheme'],
    ['store://user:hunter2@a@1', 'carries credentials'],
    ['repo://user:hunter2@a:1', 'carries credentials'],
    ['https://example.com/a?x=https://user:hunter2@example.com', 'carries credentials'],
    ['a.gtxpack?x=https://user:hunter2@example.com', 'has a scheme that is not supported'],
    ['HTTPS://user:hunter2@example.com/a', 'has a scheme that is not supported'],
    ['ftp://user:hunter2@example.com/a', 'has a scheme that is not supported'],
    ['oci://user:hunter2@example.com/a:1', 'carries credentials'],
    ['oci://user:hunter2!@example.com/a:1', 'carries credentials'],
  ])('is not %s, and its credentials are not repeated', (text, what) => {
    const { message, details } = failureOf(() => parseExtensionSource(text));
    expect(message).toContain(what);
    expect(JSON.stringify([message, details])).not.toContain('hunter2');
  });

  test('is read or refused, whatever it is', () => {
    const beginnings = ['file://', 'http://', 'https://', 'oci://', 'oci://h/a@sha256:', 'repo://', 'store://'];
    fc.assert(
      fc.property(nearly(...beginnings), (text) => {
        const parsed = parsedOrRefused(parseExtensionSource, text);
        if (parsed !== undefined) expect(parsed.kind).toBe(sourceKindOf(text));
      }),
    );
  });
});
