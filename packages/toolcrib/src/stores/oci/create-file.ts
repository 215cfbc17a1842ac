import { artifactNameFrom } from '../../core/artifact-name.ts';
import { attestedName, releaseManifestName, releaseOf, storedSumsName } from '../../core/release-names.ts';
import type { ByteSource } from '../store.ts';
import { fileManifestFrom, type FileManifest } from './file-manifest.ts';
import { locateFile, readClaimedSums } from './locate-file.ts';
import { pullManifest, pushManifest } from './manifests.ts';
import { pushBlob } from './push-blob.ts';
import { pushFile } from './push-file.ts';
import { claimVersion } from './race.ts';
import { releaseTags, type ReleaseId } from './release-tags.ts';
import type { Repository } from './repository.ts';
import { nameTag } from './tags.ts';

type Outcome = 'created' | 'exists';

/**
 * Creates a file: its content by digest in any case, so that who has the digest finds it whoever else uses the name; then
 * what finds it by name, unless there is something of that name.
 * @throws ConflictError `VERSION_TAKEN` when the repository holds another tool; as `pushBlob`.
 */
export async function createFile(
  repository: Repository,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const release = releaseOf(name);
  if (release !== undefined && name === storedSumsName(release.tool, release.version))
    return await createClaim(repository, release, name, source, signal);
  const existing = await locateFile(repository, name, signal);
  const artifact = attestedName(name);
  const subject = artifact === undefined ? undefined : (await locateFile(repository, artifact, signal))?.manifest;
  if (subject !== undefined && existing !== undefined) {
    // The first attestation of a kind is the one: another referrer would be found as well.
    await pushBlob(repository.session, source, { ...repository.push, signal });
    return 'exists';
  }
  const manifest = await pushFile(repository, name, source, { ...(subject && { subject }), signal });
  if (existing !== undefined) return 'exists';
  // A referrer is found through what it refers to.
  if (subject !== undefined) return 'created';
  return (
    (release && (await createUnderClaim(repository, release, { name, source }, signal))) ??
    (await createTag(repository, name, manifest, signal))
  );
}

async function createClaim(
  repository: Repository,
  release: ReleaseId,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const { digest, size } = source;
  await pushFile(repository, name, source, { signal });
  return await claimVersion(releaseTags(repository, release, { name, digest, size }, signal), digest);
}

/**
 * Artifacts under a claim need no name of their own: it has their digests. The manifest would make a release complete and
 * has to wait for the index.
 * @returns undefined when the claim says nothing of such a file.
 */
async function createUnderClaim(
  repository: Repository,
  release: ReleaseId,
  { name, source }: { readonly name: string; readonly source: ByteSource },
  signal: AbortSignal | undefined,
): Promise<Outcome | undefined> {
  const sums = await readClaimedSums(repository, release, signal);
  if (sums === undefined) return undefined;
  if (name === releaseManifestName(release.tool, release.version)) {
    repository.own.set(name, { name, digest: source.digest, size: source.size });
    return 'created';
  }
  if (artifactNameFrom(name) === undefined) return undefined;
  return sums.get(name) === source.digest ? 'created' : 'exists';
}

/** Two may do so at once: the tag is the last one's, who looks again knows. */
async function createTag(
  { session }: Repository,
  name: string,
  { bytes, descriptor }: FileManifest,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const tag = nameTag(name);
  await pushManifest(session, tag, { bytes, mediaType: descriptor.mediaType }, signal);
  const pulled = await pullManifest(session, tag, signal);
  const written = fileManifestFrom(bytes)?.digest;
  return pulled !== undefined && fileManifestFrom(pulled.bytes)?.digest === written ? 'created' : 'exists';
}
