import type { AttestationFile } from '../attestations/attestation.ts';
import { formatReleaseManifest, type ReleaseFile, type ReleaseManifest } from '../core/release.ts';
import type { Sums } from '../core/sums.ts';
import type { OutgoingFile } from '../releases/outgoing-file.ts';
import type { ReleaseId } from '../releases/stored-release.ts';

/** A release that was found to be trustworthy, on its way into a store. */
export interface CopiedRelease extends ReleaseId {
  readonly sums: Sums;
  /** In the order in which they come to be: stored sums, artifacts, attestations, manifest. */
  readonly files: readonly OutgoingFile[];
  /** Markdown for stores that show notes beside a release. */
  readonly notes: string;
}

/**
 * The manifest of a release that names no attestation but those that go along: a store's manifest names only what is
 * there. Where it names no other, its bytes stay as they are.
 */
export function manifestNaming(
  taken: readonly AttestationFile[],
  manifest: ReleaseManifest,
  bytes: Uint8Array,
): Uint8Array {
  const names = new Set(taken.map(({ name }) => name));
  const isGone = ({ attestation }: ReleaseFile): boolean => attestation !== null && !names.has(attestation);
  if (!manifest.files.some(isGone)) return bytes;
  const files = manifest.files.map((file) => (isGone(file) ? { ...file, attestation: null } : file));
  return Buffer.from(formatReleaseManifest({ ...manifest, files }));
}
