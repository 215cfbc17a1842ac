import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import {
  formatFileManifest,
  formatReleaseIndex,
  MAX_OCI_JSON_BYTES,
  ociConfigOf,
  ociFileKind,
  parseFileManifest,
  parseReleaseIndex,
  TRUSTED_ROOT_NAME,
  type OciDocument,
  type OciFile,
  type OciIndexEntry,
} from '../../../src/core/oci-release.ts';

const release = { tool: 'my-tool', version: 3 };

function fileOf(name: string): OciFile {
  return { name, digest: digestOf(name), size: name.length };
}

function entryOf(name: string): { entry: OciIndexEntry; manifest: OciDocument } {
  const kind = ociFileKind(name, release);
  if (kind === undefined) throw new Error(`${name} is no file of the release`);
  const subject = kind === 'attestation' ? ociConfigOf('').descriptor : undefined;
  const manifest = formatFileManifest({ kind, file: fileOf(name), subject });
  return { entry: { name, kind, manifest: manifest.descriptor }, manifest };
}

const NAMES = [
  'my-tool-amd64-any-v3',
  'my-tool-arm64-musl-v3',
  'my-tool-amd64-musl-v3',
  'my-tool-v3.SHA256SUMS',
  'my-tool-v3.json',
  'my-tool-amd64-any-v3.dsse.json',
  'my-tool-amd64-any-v3.sigstore.json',
  'my-tool.revoked.json',
  TRUSTED_ROOT_NAME,
];

/** A document with one piece of its text exchanged, and a descriptor that fits it. */
function changed({ descriptor, bytes }: OciDocument, from: string, to: string): OciDocument {
  const text = Buffer.from(bytes).toString();
  if (!text.includes(from)) throw new Error(`there is no ${from} in ${text}`);
  const other = Buffer.from(text.replace(from, () => to));
  return { descriptor: { ...descriptor, digest: digestOf(other), size: other.byteLength }, bytes: other };
}

describe('the index of a release', () => {
  const index = formatReleaseIndex({ ...release, entries: NAMES.map((name) => entryOf(name).entry) });
  const parse = ({ bytes, descriptor }: OciDocument) => parseReleaseIndex(bytes, descriptor, 'index');

  test('is read as it was written, whatever files it has and in whatever order they were given', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(NAMES, { minLength: 1 }), (names) => {
        const entries = names.map((name) => entryOf(name).entry);
        const document = formatReleaseIndex({ ...release, entries });
        expect(document).toEqual(formatReleaseIndex({ ...release, entries: [...entries].reverse() }));
        const parsed = parse(document);
        expect(parsed).toMatchObject(release);
        expect(new Set(parsed.entries)).toEqual(new Set(entries));
      }),
    );
  });

  test('lists artifacts first, each with its platform, and nothing else with one', () => {
    const { manifests } = JSON.parse(Buffer.from(index.bytes).toString()) as {
      manifests: { platform?: object; annotations: Record<string, string> }[];
    };
    expect(manifests.map(({ platform }) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'amd64', os: 'linux', variant: 'musl' },
      { architecture: 'arm64', os: 'linux' },
      ...Array.from({ length: 6 }, () => undefined),
    ]);
  });

  test.each([
    ['another tool', '"my-tool"', '"other"'],
    ['another version', '.image.version":"3"', '.image.version":"4"'],
    ['no version', '.image.version"', '.image.other"'],
    ['another artifact type', 'toolcrib.release.v1', 'toolcrib.release.v2'],
    ['a file twice', '"my-tool-v3.json"', '"my-tool-v3.SHA256SUMS"'],
    ['a file of another release', '"my-tool-v3.json"', '"my-tool-v4.json"'],
    ['a file with a path', '"my-tool-v3.json"', '"../my-tool-v3.json"'],
    ['a platform that the name contradicts', '"architecture":"arm64"', '"architecture":"amd64"'],
    ['a platform of another system', '"os":"linux"', '"os":"windows"'],
    ['a digest that is none', digestOf('x').slice(0, 7), 'md5:'],
    ['text after its end', '}}', '}}}'],
    ['an index in the index', 'image.manifest.v1', 'image.index.v1'],
  ])('is refused with %s', (_, from, to) => {
    expect(() => parse(changed(index, from, to))).toThrow(expect.objectContaining({ code: 'MALFORMED' }));
  });

  test('is refused when it does not have the digest that refers to it, or is too large to be one', () => {
    const { descriptor } = index;
    const other = changed(index, '"my-tool-v3.json"', '"my-tool-v3.jsom"');
    expect(() => parse({ ...other, descriptor })).toThrow(expect.objectContaining({ code: 'DIGEST_MISMATCH' }));
    const large = new Uint8Array(MAX_OCI_JSON_BYTES + 1);
    expect(() => parse({ bytes: large, descriptor })).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }));
  });

  test('never comes of other bytes than those that were referred to', () => {
    const at = fc.nat(index.bytes.byteLength - 1);
    fc.assert(
      fc.property(at, fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const bytes = Buffer.from(index.bytes);
        bytes[place] = (bytes[place] ?? 0) ^ flip;
        expect(() => parse({ bytes, descriptor: index.descriptor })).toThrow();
      }),
    );
  });
});

describe('the manifest of one file', () => {
  test.each(NAMES)('is read as it was written: %s', (name) => {
    const { entry, manifest } = entryOf(name);
    const parsed = parseFileManifest(manifest.bytes, entry, 'manifest');
    expect(parsed).toMatchObject({ kind: entry.kind, file: fileOf(name) });
    expect(parsed.subject !== undefined).toBe(entry.kind === 'attestation');
  });

  const name = 'my-tool-amd64-any-v3';
  const { entry, manifest } = entryOf(name);
  const attested = entryOf(`${name}.dsse.json`);

  test.each([
    ['another file', name, 'my-tool-arm64-any-v3'],
    ['another type', 'toolcrib.artifact.v1', 'toolcrib.artifact.v2'],
    ['two layers', '"layers":[{', '"layers":[{"mediaType":"x","digest":"sha256:0","size":1},{'],
    ['another configuration', ociConfigOf(name).descriptor.digest, ociConfigOf('').descriptor.digest],
    ['a size below nothing', `"size":${name.length}`, '"size":-1'],
    ['a subject', '"layers"', `"subject":${JSON.stringify(ociConfigOf('').descriptor)},"layers"`],
  ])('is refused with %s', (_, from, to) => {
    const wrong = changed(manifest, from, to);
    expect(() => parseFileManifest(wrong.bytes, { ...entry, manifest: wrong.descriptor }, 'manifest')).toThrow(
      expect.objectContaining({ code: 'MALFORMED' }),
    );
  });

  test('of an attestation is refused without a subject', () => {
    const wrong = changed(attested.manifest, '"subject"', '"other"');
    expect(() => parseFileManifest(wrong.bytes, { ...attested.entry, manifest: wrong.descriptor }, 'manifest')).toThrow(
      'has no subject',
    );
  });
});
