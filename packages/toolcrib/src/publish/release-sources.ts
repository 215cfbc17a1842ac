import type { BuildSource } from '../attestations/attestation.ts';
import { digestOf } from '../core/digest.ts';
import { onePiece } from '../core/one-piece.ts';
import { releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { formatReleaseManifest, RELEASE_SCHEMA } from '../core/release.ts';
import { formatSums } from '../core/sums.ts';
import { readVerified } from '../disk/digest-file.ts';
import type { ByteSource } from '../stores/store.ts';
import { signArtifact } from './attestations.ts';
import type { PreparedRelease } from './prepare-release.ts';
import type { PublishRequest } from './publication.ts';
import { releaseFileOf, type ReleaseArtifact } from './release-artifacts.ts';

/** A publication that is ready to be uploaded: every byte of it is there. */
export interface SignedRelease extends PreparedRelease {
  /** What each file holds, by its name. */
  readonly sources: ReadonlyMap<string, ByteSource>;
}

/**
 * Makes the files of a release that are not there yet; attestations are signed, except in a dry run. Writes nothing.
 * @throws PolicyError as `signArtifact`; RemoteError; the signal's reason.
 */
export async function signRelease(prepared: PreparedRelease): Promise<SignedRelease> {
  return { ...prepared, sources: await sourcesOf(prepared) };
}

async function sourcesOf(prepared: PreparedRelease): Promise<SignedRelease['sources']> {
  const { request, plan, sums } = prepared;
  const { tool, version, artifacts, source, signal } = request;
  const attestations = new Map(plan.steps.flatMap(({ of, name }) => (of === undefined ? [] : [[of, name]])));
  const files = artifacts.map((artifact) => releaseFileOf(artifact, attestations.get(artifact.name) ?? null));
  const manifest = formatReleaseManifest({ schema: RELEASE_SCHEMA, tool, version, source, files });
  return new Map([
    ...(await signedSources(prepared)),
    [storedSumsName(tool, version), sourceOf(Buffer.from(formatSums(sums)))],
    [releaseManifestName(tool, version), sourceOf(Buffer.from(manifest))],
    ...artifacts.map((artifact): [string, ByteSource] => [artifact.name, artifactSource(artifact, signal)]),
  ]);
}

/** A dry run signs nothing: a signature by Sigstore is public from then on. */
async function signedSources({ request, plan }: PreparedRelease): Promise<[string, ByteSource][]> {
  const { signer, verifier, artifacts, dryRun, signal, reporter } = request;
  if (signer === undefined || dryRun) return [];
  const sources: [string, ByteSource][] = [];
  for (const artifact of artifacts) {
    if (!plan.steps.some(({ of, action }) => of === artifact.name && action === 'create')) continue;
    reporter.notice({ kind: 'step', text: `signing ${artifact.name}` });
    const { name, bytes } = await signArtifact(signer, artifact, buildSourceOf(request), verifier, { signal });
    sources.push([name, sourceOf(bytes)]);
  }
  return sources;
}

function buildSourceOf({ buildSource, source }: PublishRequest): BuildSource {
  return buildSource ?? { repository: null, workflow: null, ref: null, commit: source.commit, run: null };
}

function artifactSource({ path, digest, size }: ReleaseArtifact, signal: AbortSignal | undefined): ByteSource {
  return { digest, size, open: () => readVerified(path, { digest, size }, { signal }) };
}

function sourceOf(bytes: Uint8Array): ByteSource {
  return { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
}
