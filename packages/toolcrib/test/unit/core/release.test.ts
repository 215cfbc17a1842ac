import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactName } from '../../../src/core/artifact-name.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { IntegrityError } from '../../../src/core/errors.ts';
import { releaseManifestName, releaseOf, storedSumsName } from '../../../src/core/release-names.ts';
import {
  formatReleaseManifest,
  parseReleaseManifest,
  sumsOfManifest,
  targetsOfSums,
  type ReleaseManifest,
} from '../../../src/core/release.ts';
import { parseTarget, TARGET_NAMES } from '../../../src/core/target.ts';
import { failureOf } from './failure.ts';
import { artifactName, digest, toolName, version } from './vocabulary.ts';

const nothingOr = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: null });

const manifest: fc.Arbitrary<ReleaseManifest> = fc
  .record({
    tool: toolName,
    version,
    source: fc.record({ commit: nothingOr(fc.string()), date: nothingOr(fc.string()) }),
    targets: fc.subarray([...TARGET_NAMES], { minLength: 1 }),
    digest,
    size: fc.nat(),
    mediaType: fc.string(),
    glibcFloor: nothingOr(fc.constantFrom('2.17', '2.36')),
  })
  .map(({ tool, version: number, source, targets, ...facts }) => ({
    schema: 'toolcrib.release.v1',
    tool,
    version: number,
    source,
    files: targets
      .map((target) => {
        const name = formatArtifactName({ tool, version: number, target: parseTarget(target), dev: false });
        return { ...facts, name, target, attestation: null };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
  }));

const file = {
  name: 'tool-amd64-any-v2',
  target: 'amd64-any',
  digest: digestOf('bytes'),
  size: 5,
  mediaType: 'application/gzip',
  glibcFloor: null,
  attestation: null,
};
const valid = {
  schema: 'toolcrib.release.v1',
  tool: 'tool',
  version: 2,
  source: { commit: null, date: null },
  files: [file],
};

describe('a release manifest', () => {
  test('reads back as what it was written from, with the same bytes', () => {
    fc.assert(
      fc.property(manifest, (one) => {
        const text = formatReleaseManifest(one);
        expect(parseReleaseManifest(text, 'f')).toEqual(one);
        expect(formatReleaseManifest({ ...one, files: [...one.files].reverse() })).toBe(text);
      }),
    );
  });

  test('implies the pins of its files', () => {
    fc.assert(
      fc.property(manifest, (one) => {
        const sums = sumsOfManifest(one);
        expect([...sums]).toEqual(one.files.map(({ name, digest: pinned }) => [name, pinned]));
        expect(targetsOfSums(sums)).toEqual(one.files.map(({ target }) => target).sort());
      }),
    );
  });

  test.each([
    ['another schema', { ...valid, schema: 'toolcrib.release.v2' }, 'schema'],
    ['no files', { ...valid, files: [] }, 'files'],
    ['an unknown key', { ...valid, surprise: 1 }, 'surprise'],
    ['an unknown key in a file', { ...valid, files: [{ ...file, surprise: 1 }] }, 'surprise'],
    ['a digest in another form', { ...valid, files: [{ ...file, digest: 'abc' }] }, 'sha256:<64 lowercase hex>'],
    ['a negative size', { ...valid, files: [{ ...file, size: -1 }] }, 'size'],
    ['a file of another version', { ...valid, version: 3 }, 'tool-amd64-any-v2 is not the artifact of tool v3'],
    ['a file of another tool', { ...valid, tool: 'other' }, 'is not the artifact of other v2'],
    ['a file of another target', { ...valid, files: [{ ...file, target: 'arm64' }] }, 'for arm64'],
    ['a local build', { ...valid, files: [{ ...file, name: 'tool-amd64-any-v2-dev' }] }, 'tool-amd64-any-v2-dev'],
    ['a path for a name', { ...valid, files: [{ ...file, name: '../tool-amd64-any-v2' }] }, '../tool-amd64-any-v2'],
    ['a file twice', { ...valid, files: [file, { ...file, digest: digestOf('x') }] }, 'listed twice'],
  ])('with %s is refused, naming what is wrong and where', (_, json, words) => {
    const error = failureOf(() => parseReleaseManifest(JSON.stringify(json), 's3://bucket/tool-v2.json'));
    expect(error).toBeInstanceOf(IntegrityError);
    expect(error.code).toBe('MALFORMED');
    expect(error.message).toContain('s3://bucket/tool-v2.json');
    expect(error.message).toContain(words);
  });

  test('is read or refused, whatever is in it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(failureOf(() => parseReleaseManifest(text, 'f')).code).toBe('MALFORMED');
      }),
    );
  });
});

describe('the name of a release file', () => {
  test('tells the release it belongs to', () => {
    fc.assert(
      fc.property(toolName, version, artifactName, (tool, number, artifact) => {
        expect(releaseOf(storedSumsName(tool, number))).toEqual({ tool, version: number });
        expect(releaseOf(releaseManifestName(tool, number))).toEqual({ tool, version: number });
        expect(releaseOf(formatArtifactName({ ...artifact, dev: false }))).toEqual({
          tool: artifact.tool,
          version: artifact.version,
        });
      }),
    );
  });

  test.each([
    '',
    'README.md',
    'SHA256SUMS',
    'tool-amd64-v1-dev',
    'tool-v0.json',
    'tool-v01.json',
    '../x-v1.json',
    'tool-v1.txt',
    'tool-v9007199254740993.json',
  ])('is not %j', (name) => {
    expect(releaseOf(name)).toBeUndefined();
  });
});

test('a foreign name among the sums has no target', () => {
  const sums = new Map([
    ['tool-arm64-v1', digestOf('a')],
    ['README.md', digestOf('b')],
    ['tool-amd64-v1', digestOf('c')],
  ]);
  expect(targetsOfSums(sums)).toEqual(['amd64', 'arm64']);
});
