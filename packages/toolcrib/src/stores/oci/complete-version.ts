import { formatReleaseIndex, type OciFile, type OciIndexEntry } from '../../core/oci-release.ts';
import { attestedName, storedSumsName } from '../../core/release-names.ts';
import type { FinishedRelease } from '../store.ts';
import { kindOf, manifestOf } from './file-manifest.ts';
import { pushManifestOf } from './push-file.ts';
import { completeRelease } from './race.ts';
import { pushIndex, releaseTags } from './release-tags.ts';
import type { Repository } from './repository.ts';

/**
 * Shows a release whose files are in the repository under the tag of its version.
 * @throws ConflictError `VERSION_TAKEN` when the repository holds another tool; as `pushManifest`.
 */
export async function completeVersion(
  repository: Repository,
  release: FinishedRelease,
  signal: AbortSignal | undefined,
): Promise<'complete' | 'lost'> {
  const { tool, version, files } = release;
  const sums = files.find(({ name }) => name === storedSumsName(tool, version));
  if (sums === undefined) throw new Error(`the release ${tool} v${version} has no stored sums`);
  return await completeRelease(releaseTags(repository, release, sums, signal), {
    sums: sums.digest,
    pushIndex: async () => {
      const entries = await pushManifests(repository, files, signal);
      return await pushIndex(repository, formatReleaseIndex({ tool, version, entries }).bytes, signal);
    },
  });
}

/** Again where a publisher was killed between a file and its manifest: whoever repeats finds the file there. */
async function pushManifests(
  repository: Repository,
  files: readonly OciFile[],
  signal: AbortSignal | undefined,
): Promise<readonly OciIndexEntry[]> {
  const entries: OciIndexEntry[] = [];
  for (const file of files) {
    const attested = files.find(({ name }) => name === attestedName(file.name));
    const subject = attested && manifestOf(attested).descriptor;
    const { descriptor } = await pushManifestOf(repository, file, { ...(subject && { subject }), signal });
    entries.push({ name: file.name, kind: kindOf(file.name), manifest: descriptor });
  }
  return entries;
}
