import type { AttestationVerifier, BuildSource, Signer } from '../attestations/attestation.ts';
import type { ReleaseManifest } from '../core/release.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Store } from '../stores/store.ts';
import type { PublishStep, SkippedVersions } from './publish-plan.ts';
import type { ReleaseArtifact, ReleaseSubject } from './release-artifacts.ts';

/** One release for one store. */
export interface PublishRequest extends ReleaseSubject {
  readonly artifacts: readonly ReleaseArtifact[];
  /** The commit the artifacts were built from and its date (ISO 8601), null where nobody knows. */
  readonly source: ReleaseManifest['source'];
  readonly store: Store;
  /** True: everything but the writing, and the signing. */
  readonly dryRun: boolean;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** Makes the attestations that are not there yet; undefined: none are made. */
  readonly signer?: Signer | undefined;
  /** Tells which attestations hold; undefined: those that are there are passed over. */
  readonly verifier?: AttestationVerifier | undefined;
  /** What attestations say of where the artifacts were built; default: the commit of `source`. */
  readonly buildSource?: BuildSource | undefined;
  /** True: a release without an attestation for each artifact is refused. */
  readonly attestationsRequired?: boolean | undefined;
  /** Markdown for stores that show notes beside a release. */
  readonly notes?: string | undefined;
}

/** What became of one file. */
export interface PublishedFile {
  readonly name: string;
  readonly role: PublishStep['role'];
  readonly outcome: 'created' | 'same' | 'would-create';
  /** Where an artifact was read back from, after rewrites; null for other files and where there is nothing yet. */
  readonly url: string | null;
}

/** What became of a release in one store. */
export interface PublishReport {
  /** As the user wrote it. */
  readonly store: string;
  readonly tool: string;
  readonly version: number;
  readonly dryRun: boolean;
  /** In the order in which they come to be. */
  readonly files: readonly PublishedFile[];
  /** True when the store holds the whole release now. */
  readonly complete: boolean;
  /** True when it did so before. */
  readonly alreadyPublished: boolean;
  /** Versions between the highest published one and this; null when there are none. */
  readonly skipped: SkippedVersions | null;
}
