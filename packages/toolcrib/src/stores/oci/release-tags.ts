import { digestOf, type Digest } from '../../core/digest.ts';
import { ConflictError } from '../../core/errors.ts';
import { OCI_INDEX_TYPE, type OciFile } from '../../core/oci-release.ts';
import { storedSumsName } from '../../core/release-names.ts';
import { claimNoteOf, formatClaim } from './claim.ts';
import { readFileManifest } from './file-manifest.ts';
import { pullManifest, pushManifest, type PulledManifest } from './manifests.ts';
import type { ReleaseTags } from './race.ts';
import { releaseIndexFrom, type ReleaseIndex } from './release-index.ts';
import type { Repository } from './repository.ts';
import { nameTag, versionTag } from './tags.ts';

/** One version of one tool. */
export interface ReleaseId {
  readonly tool: string;
  readonly version: number;
}

/**
 * The index of a release.
 * @returns undefined when there is none: no such tag, or one of something else.
 * @throws as `pullManifest`.
 */
export async function readReleaseIndex(
  { session }: Pick<Repository, 'session'>,
  { tool, version }: ReleaseId,
  signal: AbortSignal | undefined,
): Promise<ReleaseIndex | undefined> {
  const pulled = await pullManifest(session, versionTag(version), signal);
  const index = pulled && releaseIndexFrom(pulled.bytes);
  return index?.tool === tool && index.version === version ? index : undefined;
}

/**
 * The two tags of a release, for its publisher.
 * @param sums the stored sums whose claim is written.
 * @returns reading throws ConflictError `VERSION_TAKEN` when something else stands under the tag of the version.
 */
export function releaseTags(
  repository: Repository,
  release: ReleaseId,
  sums: OciFile,
  signal: AbortSignal | undefined,
): ReleaseTags {
  const { session } = repository;
  const { tool, version } = release;
  const claimName = storedSumsName(tool, version);
  return {
    async readIndex() {
      const pulled = await pullManifest(session, versionTag(version), signal);
      if (pulled === undefined) return undefined;
      const { files } = ownIndex(repository, release, pulled);
      const entry = files.get(claimName);
      const manifest = entry && (await pullManifest(session, entry.digest, signal));
      return { index: pulled.digest, sums: manifest && readFileManifest(manifest.bytes, manifest.url).digest };
    },
    async readClaim() {
      const pulled = await pullManifest(session, nameTag(claimName), signal);
      return pulled && claimNoteOf(readFileManifest(pulled.bytes, pulled.url));
    },
    async writeClaim(claim) {
      const { bytes, descriptor } = formatClaim(sums, claim);
      await pushManifest(session, nameTag(claimName), { bytes, mediaType: descriptor.mediaType }, signal);
    },
    async writeIndex(index) {
      const pulled = await pullManifest(session, index, signal);
      if (pulled === undefined) throw new Error(`the index ${index} is to be shown but was not pushed`);
      await pushManifest(session, versionTag(version), { bytes: pulled.bytes, mediaType: OCI_INDEX_TYPE }, signal);
    },
  };
}

function ownIndex({ reference }: Repository, { tool, version }: ReleaseId, pulled: PulledManifest): ReleaseIndex {
  const index = releaseIndexFrom(pulled.bytes);
  if (index?.tool === tool && index.version === version) return index;
  const found = index === undefined ? 'something else than a release' : `a release of ${index.tool}`;
  throw new ConflictError('VERSION_TAKEN', `${versionTag(version)} in ${reference} is ${found}, not of ${tool}`, {
    hint: 'a repository holds one tool: publish to another one, e.g. with the name of the tool at its end',
    details: { tool, version, found: index?.tool ?? null },
  });
}

/** Brings an index into the repository under no tag. */
export async function pushIndex(
  { session }: Pick<Repository, 'session'>,
  bytes: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<Digest> {
  const digest = digestOf(bytes);
  await pushManifest(session, digest, { bytes, mediaType: OCI_INDEX_TYPE }, signal);
  return digest;
}
