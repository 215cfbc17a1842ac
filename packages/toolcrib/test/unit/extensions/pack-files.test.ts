import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/core/digest.ts';
import {
  declareExtension,
  NO_PACK_EXTENSIONS,
  parsePackExtensions,
  type ExtensionDependency,
} from '../../../src/extensions/pack-extensions.ts';
import {
  formatPackLock,
  parsePackLock,
  verifyAlignment,
  type LockedExtension,
} from '../../../src/extensions/pack-lock.ts';
import { failureOf } from '../core/failure.ts';

const digest: Digest = `sha256:${'1'.repeat(64)}`;
const parse = (value: unknown) => parsePackExtensions(JSON.stringify(value), 'p/pack.extensions.json');
const fileSource = { kind: 'file', ref: 'a.gtxpack' };

describe('pack.extensions.json', () => {
  test('declares extensions of every kind', () => {
    const source = (kind: string, ref: string, more: object = {}) => ({
      id: ref,
      role: 'tool',
      source: { kind, ref, ...more },
    });
    const { extensions } = parse({
      version: 1,
      extensions: [
        source('file', 'file:///srv/a.gtxpack'),
        source('file', '../a.gtxpack'),
        source('http', 'http://example.com/a'),
        source('http', 'https://example.com/a'),
        source('oci', `oci://ghcr.io/a@${digest}`),
        source('oci', 'oci://ghcr.io/a:1', { allow_tags: true }),
        source('repo', 'repo://a:1', { allow_tags: true }),
        source('store', 'store://a@1', { allow_tags: true }),
      ],
    });
    expect(extensions.map(({ kind }) => kind)).toEqual(['file', 'file', 'http', 'http', 'oci', 'oci', 'repo', 'store']);
    expect(extensions.at(-1)).toEqual({
      id: 'store://a@1',
      role: 'tool',
      kind: 'store',
      reference: 'store://a@1',
      allowTags: true,
    });
  });

  test('may declare none, and may say more than the format does', () => {
    expect(parse({ version: 1 }).extensions).toEqual([]);
    expect(
      parse({ version: 1, note: 'x', extensions: [{ id: 'a', role: 'b', source: fileSource, x: 1 }] }).extensions,
    ).toHaveLength(1);
  });

  test.each([
    [{ version: 2 }, 'version'],
    [{}, 'version: expected 1'],
    [[], 'expected object'],
    [{ version: 1, extensions: {} }, 'extensions: expected array'],
    [{ version: 1, extensions: [{ role: 'a', source: fileSource }] }, 'extensions.0.id is missing'],
    [{ version: 1, extensions: [{ id: 'a', role: 'a' }] }, 'extensions.0.source is missing'],
    [{ version: 1, extensions: [{ id: 'a', role: 'a', source: { ...fileSource, allow_tags: 'yes' } }] }, 'allow_tags'],
    [{ version: 1, extensions: [{ id: ' ', role: 'a', source: fileSource }] }, 'an extension has an empty id'],
    [{ version: 1, extensions: [{ id: 'a', role: '\t', source: fileSource }] }, 'extension "a" has an empty role'],
    [
      { version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: ' ', ref: 'x' } }] },
      'extension "a" has an empty source.kind',
    ],
    [
      { version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: 'file', ref: '' } }] },
      'extension "a" has an empty source.ref',
    ],
    [
      { version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: 'oci', ref: 'store://a@1' } }] },
      'extension "a" has source.kind "oci", and its ref "store://a@1" is of kind "store"',
    ],
    [
      {
        version: 1,
        extensions: [{ id: 'a', role: 'b', source: { kind: 'oci', ref: 'oci://ghcr.io/acme/demo:latest' } }],
      },
      'extension "a" has ref "oci://ghcr.io/acme/demo:latest", which must have a digest',
    ],
    [
      { version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: 'store', ref: 'store://a@1' } }] },
      'must have a digest',
    ],
    [
      { version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: 'repo', ref: 'repo://a' } }] },
      'must have a digest',
    ],
    [
      {
        version: 1,
        extensions: [
          { id: 'a', role: 'b', source: fileSource },
          { id: 'a', role: 'c', source: fileSource },
        ],
      },
      'extension "a" stands there twice, with the roles "b" and "c"',
    ],
  ])('is not %j', (value, what) => {
    const { code, message } = failureOf(() => parse(value));
    expect(code).toBe('CONFIG_INVALID');
    expect(message).toContain('p/pack.extensions.json: ');
    expect(message).toContain(what);
  });

  test('names an extension whose source has a scheme that nobody knows', () => {
    const error = failureOf(() =>
      parse({ version: 1, extensions: [{ id: 'a', role: 'b', source: { kind: 'ftp', ref: 'ftp://x' } }] }),
    );
    expect([error.code, error.message]).toEqual(['REFERENCE_INVALID', expect.stringContaining('"ftp://x"')]);
  });

  test('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array(), fc.json()), (text) => {
        expect(['CONFIG_INVALID', 'REFERENCE_INVALID']).toContain(failureOf(() => parsePackExtensions(text, 'f')).code);
      }),
    );
  });

  test('gets an extension that is declared, and keeps everything else', () => {
    const before = parse({
      version: 1,
      note: 'x',
      extensions: [{ id: 'a', role: 'b', source: { ...fileSource, x: 1 }, y: 2 }],
    });
    const added: ExtensionDependency = { id: 'c', role: 'd', kind: 'store', reference: 'store://c@1', allowTags: true };
    const after = parsePackExtensions(declareExtension(before, added), 'f');
    expect(after.extensions).toEqual([...before.extensions, added]);
    const replaced = parsePackExtensions(declareExtension(after, { ...added, id: 'a' }), 'f');
    expect(replaced.extensions.map(({ id, reference }) => [id, reference])).toEqual([
      ['a', 'store://c@1'],
      ['c', 'store://c@1'],
    ]);
    expect(replaced.document).toMatchObject({ note: 'x', extensions: [{ y: 2, source: { x: 1 } }, {}] });
  });

  test('declares what was declared, whatever it is called', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => text.trim() !== '' && text.isWellFormed());
    fc.assert(
      fc.property(fc.uniqueArray(word, { maxLength: 5 }), word, (ids, role) => {
        const declared = ids.map((id): ExtensionDependency => ({
          id,
          role,
          kind: 'file',
          reference: 'a',
          allowTags: false,
        }));
        const text = declared.reduce(
          (file, each) => parsePackExtensions(declareExtension(file, each), 'f'),
          NO_PACK_EXTENSIONS,
        );
        expect(text.extensions).toEqual(declared);
      }),
    );
  });
});

const lockOf = (id: string, more: Partial<LockedExtension> = {}): LockedExtension => ({
  id,
  role: 'tool',
  sourceRef: `store://${id}@1`,
  resolvedRef: `store://${id}@1`,
  digest,
  mediaType: undefined,
  size: undefined,
  ...more,
});

const entry = { id: 'a', role: 'tool', source_ref: 'x', resolved_ref: 'x', digest };

describe('pack.extensions.lock.json', () => {
  test('is written as it was read, the same bytes for the same locks', () => {
    const word = fc.string({ unit: 'binary' }).filter((text) => text.trim() !== '' && text.isWellFormed());
    const lock = fc.record({
      id: word,
      role: word,
      sourceRef: word,
      resolvedRef: word,
      digest: fc.stringMatching(/^[0-9a-f]{64}$/).map((hex): Digest => `sha256:${hex}`),
      mediaType: fc.option(word, { nil: undefined }),
      size: fc.option(fc.maxSafeNat(), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.uniqueArray(lock, { selector: ({ id }) => id, maxLength: 5 }), (locks) => {
        const text = formatPackLock(locks);
        const read = parsePackLock(text, 'f');
        expect(new Map(read.map((each) => [each.id, each]))).toEqual(new Map(locks.map((each) => [each.id, each])));
        expect(formatPackLock(locks.toReversed())).toBe(text);
        expect(formatPackLock(read)).toBe(text);
      }),
    );
  });

  test('may be without extensions, media type and size, as others write it', () => {
    expect(parsePackLock('{"version": 1}', 'f')).toEqual([]);
    const text = JSON.stringify({
      version: 1,
      extensions: [{ ...entry, media_type: null, size_bytes: null, more: 1 }],
    });
    expect(parsePackLock(text, 'f')).toMatchObject([{ id: 'a', mediaType: undefined, size: undefined }]);
  });

  test.each([
    [{ version: 3 }, 'version'],
    [{ version: 1, extensions: [{ ...entry, id: '' }] }, 'an extension has an empty id'],
    [{ version: 1, extensions: [{ ...entry, role: ' ' }] }, 'extension "a" has an empty role'],
    [{ version: 1, extensions: [{ ...entry, source_ref: '' }] }, 'extension "a" has an empty source_ref'],
    [{ version: 1, extensions: [{ ...entry, resolved_ref: '' }] }, 'extension "a" has an empty resolved_ref'],
    [{ version: 1, extensions: [{ ...entry, digest: 'md5:1' }] }, 'extension "a" has digest "md5:1", expected sha256:'],
    [{ version: 1, extensions: [{ ...entry, digest: 'sha256:abcd' }] }, 'extension "a" has digest "sha256:abcd"'],
    [{ version: 1, extensions: [{ ...entry, size_bytes: -1 }] }, 'size_bytes'],
    [
      { version: 1, extensions: [entry, { ...entry, role: 'x' }] },
      'extension "a" stands there twice, with the roles "tool" and "x"',
    ],
  ])('is not %j', (value, what) => {
    const { code, message, hint } = failureOf(() => parsePackLock(JSON.stringify(value), 'p/lock'));
    expect([code, hint]).toEqual(['CONFIG_INVALID', expect.stringContaining('ext lock')]);
    expect(message).toContain('p/lock: ');
    expect(message).toContain(what);
  });

  test('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.uint8Array(), fc.json()), (text) => {
        expect(failureOf(() => parsePackLock(text, 'f')).code).toBe('CONFIG_INVALID');
      }),
    );
  });

  const declared = ['a', 'b'].map((id): ExtensionDependency => ({
    id,
    role: 'tool',
    kind: 'store',
    reference: `store://${id}@1`,
    allowTags: true,
  }));

  test('agrees with what is declared, in any order', () => {
    expect(() => verifyAlignment(declared, [lockOf('b'), lockOf('a')])).not.toThrow();
  });

  test.each([
    [[lockOf('a')], 'extension "b": pack.extensions.lock.json lacks it'],
    [
      [lockOf('a'), lockOf('b'), lockOf('c')],
      'extension "c": pack.extensions.lock.json has it, and pack.extensions.json does not',
    ],
    [
      [lockOf('a', { role: 'x' }), lockOf('b')],
      'extension "a": pack.extensions.lock.json has role "x", and pack.extensions.json has "tool"',
    ],
    [
      [lockOf('a'), lockOf('b', { sourceRef: 'store://b@2' })],
      'extension "b": pack.extensions.lock.json has source_ref "store://b@2", and pack.extensions.json has ref "store://b@1"',
    ],
  ])('that disagrees is told: %#', (locked, what) => {
    const error = failureOf(() => verifyAlignment(declared, locked));
    expect([error.code, error.message, error.hint]).toEqual([
      'LOCK_OUTDATED',
      what.endsWith('lacks it') ? `${what}, and pack.extensions.json has it` : what,
      expect.stringContaining('ext lock'),
    ]);
  });
});
