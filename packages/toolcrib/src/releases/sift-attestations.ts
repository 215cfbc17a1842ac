import type { AttestationFile } from '../attestations/attestation.ts';
import { attestedName } from '../core/release-names.ts';
import type { Sums } from '../core/sums.ts';
import type { ReleaseTrust } from './release-trust.ts';

/** An attestation that does not go into a store, and why. */
export interface LeftOutAttestation {
  readonly name: string;
  /** `unchecked`: the policy looks at none; `untrusted`: nobody whom the policy trusts signed it for that artifact. */
  readonly reason: 'unchecked' | 'untrusted';
}

/** Attestations of a release by whether they go into a store. */
export interface SiftedAttestations {
  readonly taken: readonly AttestationFile[];
  readonly leftOut: readonly LeftOutAttestation[];
}

/**
 * Tells which attestations may go into a store: those that the policy verifies, each by itself. Stores are write-once: one
 * that does not hold would make everybody who has a policy refuse its artifact there, and could not be replaced.
 * @param options.unverified true: all of them, because somebody asked for that.
 */
export function siftAttestations(
  { sums, attestations }: { readonly sums: Sums; readonly attestations: readonly AttestationFile[] },
  { verifier }: Pick<ReleaseTrust, 'verifier'>,
  { unverified }: { readonly unverified: boolean },
): SiftedAttestations {
  if (unverified) return { taken: attestations, leftOut: [] };
  const isVerified = (file: AttestationFile): boolean => {
    const name = attestedName(file.name) ?? '';
    const digest = sums.get(name);
    return digest !== undefined && verifier?.verify({ name, digest }, [file]).status === 'verified';
  };
  const taken = attestations.filter(isVerified);
  const reason = verifier === undefined ? 'unchecked' : 'untrusted';
  const others = attestations.filter((file) => !taken.includes(file));
  return { taken, leftOut: others.map(({ name }) => ({ name, reason })) };
}
