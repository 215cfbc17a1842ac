import type { AttestationFile } from '../attestations/attestation.ts';
import { onePiece } from '../core/one-piece.ts';
import { digestOf } from '../core/digest.ts';
import { formatReleaseManifest, type ReleaseFile, type ReleaseManifest } from '../core/release.ts';
import type { Sums } from '../core/sums.ts';
import type { ReleaseId } from '../releases/stored-release.ts';
import type { ByteSource } from '../stores/store.ts';

/** One file of a release on its way into a store. */
export interface CopiedFile extends Omit<ByteSource, 'open'> {
  readonly name: string;
  readonly role: 'claim' | 'artifact' | 'attestation' | 'manifest';
  /**
   * Brings the verified bytes to where they can be read again and again; called only when the store does not have them.
   * Whoever calls it disposes of what it gets.
   */
  obtain(): Promise<ByteSource & AsyncDisposable>;
}

/** A release that was found to be trustworthy, on its way into a store. */
export interface CopiedRelease extends ReleaseId {
  readonly sums: Sums;
  /** In the order in which they come to be: stored sums, artifacts, attestations, manifest. */
  readonly files: readonly CopiedFile[];
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

/** A file whose bytes are in memory. */
export function heldFile(name: string, role: CopiedFile['role'], bytes: Uint8Array): CopiedFile {
  const source = { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
  const obtain = () => Promise.resolve({ ...source, [Symbol.asyncDispose]: () => Promise.resolve() });
  return { name, role, digest: source.digest, size: source.size, obtain };
}
