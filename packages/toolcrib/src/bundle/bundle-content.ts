import type { OciFile } from '../core/oci-release.ts';
import type { ByteSource } from '../stores/store.ts';

/** An artifact that goes into a bundle. */
export interface BundledArtifact extends ByteSource {
  /** File name, e.g. `sandbox-tools-amd64-any-v2`. */
  readonly name: string;
}

/** A file of a bundle that is small enough to be held: stored sums, manifest, attestations, revocation list, trusted root. */
export interface BundledFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What goes into a bundle: one release, or some targets of it. */
export interface BundleContent {
  readonly tool: string;
  readonly version: number;
  readonly artifacts: readonly BundledArtifact[];
  readonly files: readonly BundledFile[];
}

/** What a bundle says of itself, with every digest of it recomputed, except that its artifacts were not read yet. */
export interface OpenedBundle {
  readonly tool: string;
  readonly version: number;
  /** Some of those that the stored sums name. */
  readonly artifacts: readonly OciFile[];
  /** By name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}
