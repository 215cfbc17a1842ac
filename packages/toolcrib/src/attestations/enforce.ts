import type { AttestationPolicy } from '../config/config.ts';
import { PolicyError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import type { AttestationSubject, AttestationVerdict } from './attestation.ts';

/**
 * Whether a policy has anybody look at attestations: it demands them, or it trusts somebody. Where it does neither, no
 * attestation is asked for, and no verifier is needed.
 */
export function looksAtAttestations({ require, publicKeys, identities }: AttestationPolicy): boolean {
  return require || publicKeys.length > 0 || identities.length > 0;
}

/**
 * Lets an artifact pass or refuses it, as the policy says: one with a wrong attestation never passes; one with none, or
 * with one by somebody who is not trusted, passes only where none is required.
 * @throws PolicyError `ATTESTATION_WRONG`, `ATTESTATION_UNTRUSTED`, `ATTESTATION_MISSING`.
 */
export function enforceAttestation(
  policy: AttestationPolicy,
  subject: AttestationSubject,
  verdict: AttestationVerdict,
  reporter: Reporter,
): void {
  if (!looksAtAttestations(policy)) return;
  switch (verdict.status) {
    case 'verified':
      reporter.notice({ kind: 'step', text: `${subject.name} is attested by ${verdict.signer}` });
      return;
    case 'wrong':
      throw wrong(subject, verdict);
    case 'untrusted':
      if (policy.require) throw untrusted(subject, verdict);
      reporter.notice({ kind: 'warning', text: `${verdict.file} is not trusted: ${verdict.reason}` });
      return;
    case 'missing':
      if (policy.require) throw missing(subject);
      reporter.notice({ kind: 'step', text: `${subject.name} has no attestation; none is required` });
  }
}

type Reasoned = Extract<AttestationVerdict, { readonly reason: string }>;

function wrong({ name, digest }: AttestationSubject, { file, reason }: Reasoned): PolicyError {
  return new PolicyError('ATTESTATION_WRONG', `the attestation ${file} does not hold: ${reason}`, {
    hint: 'do not use that artifact before you know how its attestation came to be so: compare with another store',
    details: { name, digest, file, reason },
  });
}

function untrusted({ name, digest }: AttestationSubject, { file, reason }: Reasoned): PolicyError {
  return new PolicyError('ATTESTATION_UNTRUSTED', `the attestation ${file} is not trusted: ${reason}`, {
    hint: 'if that signer may attest, add it to "attestation" in toolcrib.json: publicKeys or identities',
    details: { name, digest, file, reason },
  });
}

function missing({ name, digest }: AttestationSubject): PolicyError {
  return new PolicyError('ATTESTATION_MISSING', `${name} has no attestation, and toolcrib.json requires one`, {
    hint: 'publish it with a signer ("toolcrib publish" says how), or set "attestation": { "require": false }',
    details: { name, digest },
  });
}
