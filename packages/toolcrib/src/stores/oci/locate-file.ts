import { artifactNameFrom } from '../../core/artifact-name.ts';
import { digestOf, verifyExpected } from '../../core/digest.ts';
import { hasCode } from '../../core/errors.ts';
import { ociArtifactType, type OciFile } from '../../core/oci-release.ts';
import { attestedName, releaseOf, storedSumsName } from '../../core/release-names.ts';
import { MAX_SUMS_BYTES, parseSums, type Sums } from '../../core/sums.ts';
import { openBlob, statBlob } from './blobs.ts';
import type { OciDescriptor } from '../../core/oci-descriptor.ts';
import { fileManifestFrom, kindOf, manifestOf, readFileManifest } from './file-manifest.ts';
import { pullManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import { readReleaseIndex, type ReleaseId } from './release-tags.ts';
import type { Repository } from './repository.ts';
import { nameTag } from './tags.ts';

/** A file that a repository holds. */
export interface LocatedFile {
  readonly content: OciFile;
  /** Its manifest: what attestations of it refer to. */
  readonly manifest: OciDescriptor;
}

/**
 * Finds a file by its name: in the index of its release, else by the claim on its version, which names artifacts by
 * digest, else as a referrer of what it attests, else under a tag of its name. Tags move, but no further than that: what
 * is found is content by its digest, of one publisher.
 * @throws IntegrityError; RemoteError as `RegistrySession.expect`; the signal's reason.
 */
export async function locateFile(
  repository: Repository,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LocatedFile | undefined> {
  const release = releaseOf(name);
  const index = release && (await readReleaseIndex(repository, release, signal));
  const entry = index?.files.get(name);
  if (entry !== undefined) return await contentOf(repository, name, entry, signal);
  const own = repository.own.get(name);
  if (own !== undefined) return located(own);
  return (
    (release && (await claimedArtifact(repository, release, name, signal))) ??
    (await attestationOf(repository, name, signal)) ??
    (await taggedFile(repository, name, signal))
  );
}

function located(content: OciFile): LocatedFile {
  return { content, manifest: manifestOf(content).descriptor };
}

async function contentOf(
  { session }: Repository,
  name: string,
  manifest: OciDescriptor,
  signal: AbortSignal | undefined,
): Promise<LocatedFile | undefined> {
  const pulled = await pullManifest(session, manifest.digest, signal);
  if (pulled === undefined) return undefined;
  const { digest, size } = readFileManifest(pulled.bytes, pulled.url);
  return { content: { name, digest, size }, manifest };
}

async function claimedArtifact(
  repository: Repository,
  release: ReleaseId,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LocatedFile | undefined> {
  if (artifactNameFrom(name) === undefined) return undefined;
  const digest = (await readClaimedSums(repository, release, signal))?.get(name);
  const size = digest && (await statBlob(repository.session, digest, signal));
  return digest === undefined || size === undefined ? undefined : located({ name, digest, size });
}

/**
 * What the claim on a version names.
 * @returns undefined when there is no claim, or none that can be read.
 */
export async function readClaimedSums(
  { session, sums }: Repository,
  release: ReleaseId,
  signal: AbortSignal | undefined,
): Promise<Sums | undefined> {
  const name = storedSumsName(release.tool, release.version);
  const pulled = await pullManifest(session, nameTag(name), signal);
  const claim = pulled && fileManifestFrom(pulled.bytes);
  if (claim === undefined || sums.has(claim.digest)) return claim && sums.get(claim.digest);
  const reply = await openBlob(session, claim.digest, signal);
  if (reply === undefined) return undefined;
  const bytes = await reply.whole(MAX_SUMS_BYTES);
  verifyExpected(reply.url, { digest: claim.digest }, { digest: digestOf(bytes), size: bytes.byteLength });
  const read = sumsFrom(bytes.toString('utf8'), name, release);
  sums.set(claim.digest, read);
  return read;
}

function sumsFrom(text: string, name: string, release: ReleaseId): Sums | undefined {
  try {
    return parseSums(text, name, release);
  } catch (error) {
    if (hasCode(error, 'SUMS_INVALID')) return undefined;
    throw error;
  }
}

/** The first by digest, where several publishers attested the same: each has to satisfy the policy by itself. */
async function attestationOf(
  repository: Repository,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LocatedFile | undefined> {
  const artifactName = attestedName(name);
  const artifact = artifactName && (await locateFile(repository, artifactName, signal));
  if (!artifact) return undefined;
  const type = ociArtifactType(kindOf(name), name);
  const referrers = await listReferrers(repository.session, artifact.manifest.digest, signal);
  const referrer = referrers.find(({ artifactType }) => artifactType === type);
  return referrer && (await contentOf(repository, name, referrer, signal));
}

async function taggedFile(
  { session }: Repository,
  name: string,
  signal: AbortSignal | undefined,
): Promise<LocatedFile | undefined> {
  const pulled = await pullManifest(session, nameTag(name), signal);
  const file = pulled && fileManifestFrom(pulled.bytes);
  if (file?.name !== name) return undefined;
  return located({ name, digest: file.digest, size: file.size });
}
