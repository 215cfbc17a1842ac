import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../src/core/digest.ts';
import { formatReleaseIndex, type OciIndexEntry } from '../../../../src/core/oci-release.ts';
import { claimNoteOf, formatClaim } from '../../../../src/stores/oci/claim.ts';
import { fileManifestFrom, kindOf, manifestOf } from '../../../../src/stores/oci/file-manifest.ts';
import { releaseIndexFrom } from '../../../../src/stores/oci/release-index.ts';
import { fileOfTag, nameTag, versionOfTag, versionTag } from '../../../../src/stores/oci/tags.ts';

const NAMES = ['tool-v7.SHA256SUMS', 'tool-amd64-v7', 'tool-arm64-any-v7', 'tool-amd64-v7.dsse.json', 'tool-v7.json'];
const fileOf = (name: string): { name: string; digest: ReturnType<typeof digestOf>; size: number } => ({
  name,
  digest: digestOf(name),
  size: name.length,
});

function entriesOf(names: readonly string[]): readonly OciIndexEntry[] {
  const subject = manifestOf(fileOf('tool-amd64-v7')).descriptor;
  return names.map((name) => ({
    name,
    kind: kindOf(name),
    manifest: manifestOf(fileOf(name), name.endsWith('.dsse.json') ? { subject } : {}).descriptor,
  }));
}

describe('the manifest of a file', () => {
  test('says the name, digest and size that it was made of', () => {
    for (const name of [...NAMES, 'tool.revoked.json']) {
      const { bytes, descriptor } = manifestOf(fileOf(name));
      expect(fileManifestFrom(bytes)).toMatchObject(fileOf(name));
      expect(descriptor).toMatchObject({ digest: digestOf(bytes), size: bytes.byteLength });
    }
  });

  test('is not read from an image of somebody, nor from anything else', () => {
    const image = { schemaVersion: 2, config: {}, layers: [1, 2].map(() => ({ ...fileOf('x'), mediaType: 'tar' })) };
    for (const text of [JSON.stringify(image), '{}', '[]', 'null', '', '{"schemaVersion":2,"layers":[]}'])
      expect(fileManifestFrom(Buffer.from(text))).toBeUndefined();
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(fileManifestFrom(Buffer.from(text))).toBeUndefined();
      }),
    );
  });
});

describe('a claim on a version', () => {
  test('says whose it is, which index it is about to show, and whether it won', () => {
    const digest = fc.string().map((text) => digestOf(text));
    fc.assert(
      fc.property(digest, fc.option(digest, { nil: undefined }), fc.boolean(), (sums, index, sealed) => {
        const { bytes, descriptor } = formatClaim(
          { name: 'tool-v7.SHA256SUMS', digest: sums, size: 5 },
          { index, sealed },
        );
        expect(descriptor.digest).toBe(digestOf(bytes));
        const parsed = fileManifestFrom(bytes);
        expect(parsed && claimNoteOf(parsed)).toEqual({ sums, ...(index && { index }), sealed });
      }),
    );
  });
});

describe('the index of a release', () => {
  test('has every file by its name, and the same bytes in whatever order they were given', () => {
    const reference = formatReleaseIndex({ tool: 'tool', version: 7, entries: entriesOf(NAMES) });
    fc.assert(
      fc.property(fc.shuffledSubarray(NAMES, { minLength: NAMES.length }), (names) => {
        const index = formatReleaseIndex({ tool: 'tool', version: 7, entries: entriesOf(names) });
        expect(index.descriptor.digest).toBe(reference.descriptor.digest);
      }),
    );
    const read = releaseIndexFrom(reference.bytes);
    expect(read).toMatchObject({ tool: 'tool', version: 7 });
    expect([...(read?.files.keys() ?? [])].sort()).toEqual([...NAMES].sort());
    for (const { name, manifest } of entriesOf(NAMES)) expect(read?.files.get(name)?.digest).toBe(manifest.digest);
  });

  test('is one also when a client left out its type, and none with another type, or without stored sums', () => {
    const { bytes } = formatReleaseIndex({ tool: 'tool', version: 7, entries: entriesOf(NAMES) });
    const { artifactType, ...untyped } = JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
    const read = (index: object): unknown => releaseIndexFrom(Buffer.from(JSON.stringify(index)));
    expect(artifactType).toBe('application/vnd.toolcrib.release.v1+json');
    expect(read(untyped)).toMatchObject({ tool: 'tool', version: 7 });
    expect(read({ ...untyped, artifactType: 'application/x' })).toBeUndefined();
    const without = formatReleaseIndex({ tool: 'tool', version: 7, entries: entriesOf(NAMES.slice(1)) });
    expect(releaseIndexFrom(without.bytes)).toBeUndefined();
  });
});

describe('a tag', () => {
  test('of a version is read as that version, and no other tag is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (version) => {
        expect(versionOfTag(versionTag(version))).toBe(version);
      }),
    );
    for (const tag of ['v0', 'v01', 'v', '1', 'v1-rc', 'latest', 'v9007199254740992', 'V1'])
      expect(versionOfTag(tag)).toBeUndefined();
  });

  test('of a file is its name, or a digest of it where a registry would not take it', () => {
    const name = `${'t'.repeat(100)}-amd64-v1.sigstore.json`;
    const long = `${'t'.repeat(100)}-amd64-musl-v9007199254740991.sigstore.json`;
    expect(fileOfTag(nameTag(name))).toEqual({ name });
    expect(fileOfTag(nameTag('tool.revoked.json'))).toEqual({ name: 'tool.revoked.json' });
    expect(nameTag(long)).toMatch(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);
    expect(fileOfTag(nameTag(long))).toBe('long');
    for (const tag of ['latest', 'v1', `sha256-${'0'.repeat(64)}`, 'name-x', '.revoked.json'])
      expect(fileOfTag(tag)).toBeUndefined();
  });
});
