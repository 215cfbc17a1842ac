import type { AttestationPolicy } from '../config/config.ts';
import { hasCode } from '../core/errors.ts';
import { quoted } from '../core/printable.ts';
import { attestedName } from '../core/release-names.ts';
import type { AttestationFile, AttestationSubject, AttestationVerdict, AttestationVerifier } from './attestation.ts';
import { isOfArtifact, isOfSource, type CertifiedSource } from './binding.ts';
import { IN_TOTO_PAYLOAD_TYPE, parseEnvelope, verifyEnvelope } from './dsse.ts';
import { trustsIdentity } from './identity.ts';
import type { TrustedKey } from './keys.ts';
import { parseProvenance } from './provenance.ts';
import { parseBundle, type SigstoreBundle } from './sigstore-bundle.ts';

/** What is known of a certificate that Sigstore issued, after everything about it was verified. */
export interface CertifiedSigner {
  readonly issuer: string;
  readonly subject: string;
  readonly source: CertifiedSource;
}

/** What came of looking at a bundle of Sigstore: signature, certificate, logs, time. */
export type BundleVerdict =
  | { readonly status: 'verified'; readonly signer: CertifiedSigner }
  | { readonly status: 'wrong'; readonly reason: string };

/** What attestations are verified with. Read once, at the edge. */
export interface TrustMaterial {
  readonly keys: readonly TrustedKey[];
  /** Made from a trusted root by `sigstore-check.ts`; undefined where the policy names no identity. */
  readonly sigstore: ((bundle: SigstoreBundle) => BundleVerdict) | undefined;
}

/** Who signed, or why that does not count. */
type Authentication =
  | { readonly status: 'verified'; readonly signer: string; readonly certified: CertifiedSource | undefined }
  | { readonly status: 'untrusted' | 'wrong'; readonly reason: string };

interface OpenedAttestation {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly authenticate: () => Authentication;
}

/**
 * Makes the verifier of a policy. It is pure: no I/O, no clock; a certificate is judged at the time at which a log or a
 * timestamp authority saw it.
 *
 * Of several files of one artifact: one that is wrong makes the verdict wrong, else one that verifies makes it verified,
 * else it is untrusted.
 */
export function createVerifier(policy: AttestationPolicy, material: TrustMaterial): AttestationVerifier {
  return {
    verify(subject, files, { commit } = {}) {
      const verdicts = files
        .filter(({ name }) => attestedName(name) === subject.name)
        .map((file) => judge(file, subject, { policy, material, commit }));
      const found = (status: AttestationVerdict['status']) => verdicts.find((verdict) => verdict.status === status);
      return found('wrong') ?? found('verified') ?? found('untrusted') ?? { status: 'missing' };
    },
  };
}

interface Demand {
  readonly policy: AttestationPolicy;
  readonly material: TrustMaterial;
  readonly commit: string | undefined;
}

function judge(file: AttestationFile, subject: AttestationSubject, demand: Demand): AttestationVerdict {
  try {
    return judgeOpened(file.name, open(file, demand), subject, demand);
  } catch (error) {
    if (hasCode(error, 'MALFORMED', 'TOO_LARGE')) return { status: 'wrong', file: file.name, reason: error.message };
    throw error;
  }
}

function open(file: AttestationFile, demand: Demand): OpenedAttestation {
  return file.name.endsWith('.dsse.json') ? openEnvelope(file, demand) : openBundle(file, demand);
}

function openEnvelope({ name, bytes }: AttestationFile, { material }: Demand): OpenedAttestation {
  const envelope = parseEnvelope(bytes, name);
  return {
    ...envelope,
    authenticate() {
      const verdict = verifyEnvelope(envelope, material.keys);
      if (verdict.status !== 'verified') return verdict;
      return { status: 'verified', signer: `key ${verdict.keyid}`, certified: undefined };
    },
  };
}

function openBundle({ name, bytes }: AttestationFile, { policy, material }: Demand): OpenedAttestation {
  const bundle = parseBundle(bytes, name);
  return {
    ...bundle,
    authenticate() {
      if (material.sigstore === undefined) {
        return { status: 'untrusted', reason: 'the policy names no identity that Sigstore may have certified' };
      }
      const verdict = material.sigstore(bundle);
      return verdict.status === 'verified' ? recognise(verdict.signer, policy) : verdict;
    },
  };
}

function recognise({ issuer, subject, source }: CertifiedSigner, policy: AttestationPolicy): Authentication {
  const signer = `${subject} (certified for ${issuer})`;
  return policy.identities.some((identity) => trustsIdentity(identity, { issuer, subject }))
    ? { status: 'verified', signer, certified: source }
    : { status: 'untrusted', reason: `signed by ${signer}; that is none of the trusted identities` };
}

function judgeOpened(
  file: string,
  { payloadType, payload, authenticate }: OpenedAttestation,
  subject: AttestationSubject,
  { policy, commit }: Demand,
): AttestationVerdict {
  const wrong = (reason: string): AttestationVerdict => ({ status: 'wrong', file, reason });
  if (payloadType !== IN_TOTO_PAYLOAD_TYPE) return wrong(`its payload is ${quoted(payloadType)}, not an attestation`);
  const provenance = parseProvenance(payload, file);
  const artifact = isOfArtifact(provenance, subject);
  if (artifact.status === 'wrong') return wrong(artifact.reason);
  const authentication = authenticate();
  if (authentication.status !== 'verified') return { ...authentication, file };
  const origin = isOfSource(provenance.source, authentication.certified, { ...policy.source, commit });
  if (origin.status === 'wrong') return wrong(origin.reason);
  return { status: 'verified', file, signer: authentication.signer, source: origin.source };
}
