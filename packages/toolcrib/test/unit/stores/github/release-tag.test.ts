import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArtifactName } from '../../../../src/core/artifact-name.ts';
import { parseStoreReference } from '../../../../src/core/reference.ts';
import { releaseManifestName, revocationListName, storedSumsName } from '../../../../src/core/release-names.ts';
import { releaseTag, tagOfFile, type GithubReference } from '../../../../src/stores/github/release-tag.ts';
import { artifactName } from '../../core/vocabulary.ts';

function referenceTo(text: string): GithubReference {
  const reference = parseStoreReference(text);
  if (reference.kind !== 'github') throw new Error('not a GitHub store');
  return reference;
}

describe('the tag of a release on GitHub', () => {
  test('is that of each of its files, with and without a prefix of the project', () => {
    fc.assert(
      fc.property(artifactName, fc.constantFrom('', '?tag=tool-support'), (name, query) => {
        const reference = referenceTo(`github:o/r${query}`);
        const { tool, version } = name;
        const tag = releaseTag(reference, name);
        expect(tag).toBe(`${query === '' ? tool : 'tool-support'}-v${version}`);
        const artifact = formatArtifactName({ ...name, dev: false });
        const files = [
          artifact,
          `${artifact}.sigstore.json`,
          storedSumsName(tool, version),
          releaseManifestName(tool, version),
        ];
        for (const file of files) expect(tagOfFile(reference, file)).toBe(tag);
      }),
    );
  });

  test.each(['tool-amd64-v1-dev', 'README.md', revocationListName('tool')])('is none for %s', (name) => {
    expect(tagOfFile(referenceTo('github:o/r'), name)).toBeUndefined();
  });
});
