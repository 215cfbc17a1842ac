import type { AttestationFile } from '../attestations/attestation.ts';
import { attestedName, releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { heldFile, type OutgoingFile } from '../releases/outgoing-file.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { ReleaseId } from '../releases/stored-release.ts';
import { judgeArtifact, verifyRelease, type ReleaseTrust, type TrustedRelease } from '../releases/release-trust.ts';
import { siftAttestations, type LeftOutAttestation } from '../releases/sift-attestations.ts';
import { verifyUnpinned } from '../releases/unpinned-release.ts';
import type { Store } from '../stores/store.ts';
import { manifestNaming, type CopiedRelease } from './copied-release.ts';
import { copyRelease, type CopyReport } from './copy-release.ts';
import { readSourceRelease, type SourceRelease } from './source-release.ts';
import { spoolArtifact, type Spool } from './spool.ts';

/** One release that goes from one store into another. */
export interface MirrorRequest extends ReleaseId {
  readonly from: ReadableStore;
  readonly to: Store;
  readonly trust: ReleaseTrust;
  readonly spool: Spool;
  /** True: attestations that the policy does not verify are copied, too, unless they are wrong. Default: left out. */
  readonly unverifiedAttestations?: boolean;
  /** True: a version that the project does not pin may have fewer targets than the project. */
  readonly partial?: boolean;
}

/** What became of one release. */
export interface MirrorReport extends ReleaseId, TrustedRelease, CopyReport {
  /** Attestations of the source that were not copied. */
  readonly leftOut: readonly LeftOutAttestation[];
  /** Targets of the project that it lacks, in their written form: only where fewer are enough. */
  readonly missingTargets: readonly string[];
}

/**
 * Copies one release, verified on its way: its digests against the project's pins, where they are of this version; its
 * attestations by the project's policy, which leaves behind those that it does not verify; every artifact against its
 * digest before it is created in the other store, and again as that store gives it back.
 * @throws as `readSourceRelease`, `verifyRelease`, `verifyUnpinned`, `spoolArtifact`, `copyRelease`.
 */
export async function mirrorRelease(request: MirrorRequest): Promise<MirrorReport> {
  const { tool, version, from, to, trust, spool } = request;
  const { reporter, signal } = spool;
  const release = await readSourceRelease(from, request, { signal });
  const artifacts = [...release.sums.keys()];
  const trusted = verifyRelease({ ...release, artifacts, where: from.reference }, trust);
  const stated = { ...release, commit: release.manifest.source.commit, where: from.reference };
  const missingTargets = verifyUnpinned(stated, trusted, trust, { partial: request.partial === true });
  const judgeKept = (file: AttestationFile) => {
    judgeArtifact(attestedName(file.name) ?? '', { sums: release.sums, attestations: [file] }, trust);
  };
  const { taken, leftOut } = siftAttestations(release, trust, { unverified: request.unverifiedAttestations === true });
  const copied = await copyRelease(copiedFrom(release, taken, from, spool), to, { reporter, signal, judgeKept });
  return { tool, version, ...trusted, ...copied, leftOut, missingTargets };
}

function copiedFrom(
  { tool, version, sums, sumsBytes, manifest, manifestBytes }: SourceRelease,
  attestations: readonly AttestationFile[],
  from: ReadableStore,
  spool: Spool,
): CopiedRelease {
  const artifacts = manifest.files.map(({ name, digest, size }): OutgoingFile => ({
    name,
    role: 'artifact',
    digest,
    size,
    obtain: () => spoolArtifact(from, { name, digest, size }, spool),
  }));
  const files = [
    heldFile(storedSumsName(tool, version), 'claim', sumsBytes),
    ...artifacts.sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...attestations.map(({ name, bytes }) => heldFile(name, 'attestation', bytes)),
    heldFile(releaseManifestName(tool, version), 'manifest', manifestNaming(attestations, manifest, manifestBytes)),
  ];
  return { tool, version, sums, files, notes: `Copied from ${from.reference} by toolcrib.\n` };
}
