import type { Digest } from '../core/digest.ts';

/** What an attestation is about: one artifact of one release. */
export interface AttestationSubject {
  /** File name of the artifact, e.g. `sandbox-tools-amd64-any-v2`; tool, version and target stand in it. */
  readonly name: string;
  readonly digest: Digest;
}

/** Where an artifact was built, as its provenance says it; a part is null where nobody knows. */
export interface BuildSource {
  /** URL, e.g. `https://github.com/OWNER/REPO`. */
  readonly repository: string | null;
  /** Path in the repository, e.g. `.github/workflows/promote-tool-support.yml`. */
  readonly workflow: string | null;
  /** E.g. `refs/heads/main`. */
  readonly ref: string | null;
  /** The commit of the sources, 40 hex digits. */
  readonly commit: string | null;
  /** The commit that the signing workflow itself ran at, where that is another one, as in a promotion. */
  readonly workflowCommit?: string | null | undefined;
  /** URL of the run that signed. */
  readonly run: string | null;
}

/** An attestation as a file beside its artifact. */
export interface AttestationFile {
  /** The artifact's name and one of `ATTESTATION_SUFFIXES`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Signs provenance. */
export interface Signer {
  /** What the names of its attestations end with. */
  readonly suffix: '.sigstore.json' | '.dsse.json';
  /**
   * @throws RemoteError when a service of Sigstore cannot be reached; UsageError when there is no identity to sign with;
   * the signal's reason.
   */
  sign(
    subject: AttestationSubject,
    source: BuildSource,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<AttestationFile>;
}

/** What came of looking at the attestations of one artifact. Missing, untrusted and wrong are three results. */
export type AttestationVerdict =
  /** Signed by somebody whom the policy trusts, for exactly this artifact. */
  | { readonly status: 'verified'; readonly file: string; readonly signer: string; readonly source: BuildSource }
  /** There is none. */
  | { readonly status: 'missing' }
  /** It is sound, but nobody whom the policy trusts signed it (or the policy trusts nobody). */
  | { readonly status: 'untrusted'; readonly file: string; readonly reason: string }
  /** Broken, forged, expired, or of another artifact, version, repository, workflow, ref or commit. */
  | { readonly status: 'wrong'; readonly file: string; readonly reason: string };

/**
 * Looks at the attestations of one artifact. Made once from a policy and its trust material; does no network call after
 * that, and no I/O at all.
 */
export interface AttestationVerifier {
  /** @param commit what git says the artifact was built from; undefined when nobody demands one. */
  verify(
    subject: AttestationSubject,
    files: readonly AttestationFile[],
    options?: { readonly commit?: string | undefined },
  ): AttestationVerdict;
}
