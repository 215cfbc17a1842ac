import type { AttestationFile, AttestationVerdict, AttestationVerifier } from '../attestations/attestation.ts';
import { enforceAttestation } from '../attestations/enforce.ts';
import type { TrustedKey } from '../attestations/keys.ts';
import type { KnownRevocations } from '../attestations/known-revocations.ts';
import type { AttestationPolicy, ToolPins } from '../config/config.ts';
import type { Digest } from '../core/digest.ts';
import { IntegrityError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { differentNames, type Sums } from '../core/sums.ts';
import type { ReleaseId } from './stored-release.ts';

/**
 * Why a release is believed. `pinned`: the project's sums file says the same; `attested`: the project's policy trusts who
 * signed each artifact; `none`: its files agree with each other, and nobody vouches for them.
 */
export type Anchor = 'pinned' | 'attested' | 'none';

/** What a project trusts: its pins and its policy. */
export interface ReleaseTrust {
  readonly pins: Pick<ToolPins, 'tool' | 'version' | 'targets' | 'sums' | 'sumsFile'>;
  readonly policy: AttestationPolicy;
  /** Undefined where the policy looks at no attestation. */
  readonly verifier: AttestationVerifier | undefined;
  /** Public keys of the policy: they sign lists of revoked releases. */
  readonly keys: readonly TrustedKey[];
  readonly revocations: Pick<KnownRevocations, 'refuse' | 'lists'>;
  readonly reporter: Reporter;
}

/** A release from somewhere, and the attestations that came with it. */
export interface ClaimedRelease extends ReleaseId {
  readonly sums: Sums;
  /** Names of the artifacts that are there: all that the sums name, or some. */
  readonly artifacts: readonly string[];
  readonly attestations: readonly AttestationFile[];
  /** Where it comes from, for messages. */
  readonly where: string;
}

/** What the policy says of one artifact. */
export interface JudgedArtifact {
  readonly name: string;
  readonly digest: Digest;
  /** `unchecked`: the policy trusts nobody and demands nothing, so nobody looked. */
  readonly attestation: Exclude<AttestationVerdict['status'], 'wrong'> | 'unchecked';
  /** Of a verified one; else null. */
  readonly signer: string | null;
  /** That a verified one says it was built from; else null. */
  readonly commit: string | null;
}

/** A release that may be used, and why. */
export interface TrustedRelease {
  readonly anchor: Anchor;
  readonly artifacts: readonly JudgedArtifact[];
}

/**
 * Compares a release with what a project trusts: digests with its pins, where they are of this version; all of them with
 * lists of revocations; attestations with its policy. No bytes of artifacts are read: they are compared with the digests
 * later.
 * @throws IntegrityError `DIGEST_MISMATCH` when the pins say otherwise; PolicyError `REVOKED`, and as
 * `enforceAttestation`.
 */
export function verifyRelease(release: ClaimedRelease, trust: ReleaseTrust): TrustedRelease {
  const pinned = verifyPins(release, trust.pins);
  for (const [name, digest] of release.sums) trust.revocations.refuse({ name, digest });
  const artifacts = release.artifacts.map((name) => judgeArtifact(name, release, trust));
  const attested = artifacts.length > 0 && artifacts.every(({ attestation }) => attestation === 'verified');
  return { anchor: pinned ? 'pinned' : attested ? 'attested' : 'none', artifacts };
}

/** False when the project pins another tool, another version, or nothing yet. */
function verifyPins({ tool, version, sums, where }: ClaimedRelease, pins: ReleaseTrust['pins']): boolean {
  if (pins.tool !== tool || pins.version !== version || pins.sums.size === 0) return false;
  const different = differentNames(sums, pins.sums);
  if (different.length === 0) return true;
  throw new IntegrityError(
    'DIGEST_MISMATCH',
    `${tool} v${version} in ${where} is not what ${pins.sumsFile} pins: ${different.join(', ')}`,
    {
      hint: 'somebody put other bytes there, or the pins are of another checkout: nothing was taken over',
      details: { tool, version, different },
    },
  );
}

/**
 * What the policy says of one artifact by its attestations.
 * @throws PolicyError as `enforceAttestation`.
 */
export function judgeArtifact(
  name: string,
  { sums, attestations }: Pick<ClaimedRelease, 'sums' | 'attestations'>,
  { policy, verifier, reporter }: ReleaseTrust,
): JudgedArtifact {
  const digest = sums.get(name);
  if (digest === undefined) throw new Error(`${name} is an artifact without a sum`);
  if (verifier === undefined) return { name, digest, attestation: 'unchecked', signer: null, commit: null };
  const verdict = verifier.verify({ name, digest }, attestations);
  enforceAttestation(policy, { name, digest }, verdict, reporter);
  if (verdict.status === 'wrong') throw new Error(`a wrong attestation of ${name} was let pass`);
  if (verdict.status !== 'verified') return { name, digest, attestation: verdict.status, signer: null, commit: null };
  return { name, digest, attestation: 'verified', signer: verdict.signer, commit: verdict.source.commit };
}
