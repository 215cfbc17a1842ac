import type {
  AttestationFile,
  AttestationSubject,
  AttestationVerdict,
  AttestationVerifier,
  BuildSource,
  Signer,
} from '../attestations/attestation.ts';
import { PolicyError } from '../core/errors.ts';
import { ATTESTATION_SUFFIXES } from '../core/release-names.ts';
import { readStoredAttestations } from '../releases/attestation-files.ts';
import type { ReadableStore } from '../releases/stored-file.ts';

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** A signer that signs each artifact once, however many stores its attestation goes to. */
export function signOnce(signer: Signer): Signer {
  const signed = new Map<string, Promise<AttestationFile>>();
  return {
    suffix: signer.suffix,
    async sign(subject, source, options) {
      const key = `${subject.name} ${subject.digest}`;
      const file = signed.get(key) ?? signer.sign(subject, source, options);
      signed.set(key, file);
      return await file;
    },
  };
}

/**
 * Looks at what attestations a store has of an artifact.
 * @param names of the files that the store holds: what is not among them is not asked for.
 * @param verifier undefined: nobody is trusted, and attestations are passed over.
 * @returns the one that holds; undefined when there is none.
 * @throws PolicyError `ATTESTATION_UNTRUSTED`, `ATTESTATION_WRONG` when there is one and it does not hold: what is
 * published is never signed again; as `readStoredAttestations`.
 */
export async function keptAttestation(
  store: ReadableStore,
  subject: AttestationSubject,
  names: readonly string[],
  verifier: AttestationVerifier | undefined,
  options: Options,
): Promise<AttestationFile | undefined> {
  if (verifier === undefined) return undefined;
  if (!ATTESTATION_SUFFIXES.some((suffix) => names.includes(`${subject.name}${suffix}`))) return undefined;
  const files = await readStoredAttestations(store, subject.name, options);
  const verdict = verifier.verify(subject, files);
  if (verdict.status === 'missing') return undefined;
  if (verdict.status !== 'verified') throw refusal(verdict, `in ${store.reference}`);
  return files.find(({ name }) => name === verdict.file);
}

/**
 * Signs an artifact, and makes sure that the attestation will hold.
 * @param verifier undefined: it is believed.
 * @throws PolicyError `ATTESTATION_UNTRUSTED`, `ATTESTATION_WRONG` when the policy would refuse it; as `Signer.sign`.
 */
export async function signArtifact(
  signer: Signer,
  subject: AttestationSubject,
  source: BuildSource,
  verifier: AttestationVerifier | undefined,
  options: Options,
): Promise<AttestationFile> {
  const file = await signer.sign(subject, source, options);
  const verdict = verifier?.verify(subject, [file]);
  if (verdict === undefined || verdict.status === 'verified') return file;
  throw refusal(verdict, 'as it was signed just now');
}

function refusal(verdict: Exclude<AttestationVerdict, { status: 'verified' }>, where: string): PolicyError {
  if (verdict.status === 'missing') return missingAttestations([]);
  const untrusted = verdict.status === 'untrusted';
  const what = untrusted ? 'is signed by nobody whom the policy trusts' : 'is wrong';
  return new PolicyError(
    untrusted ? 'ATTESTATION_UNTRUSTED' : 'ATTESTATION_WRONG',
    `${verdict.file} ${where} ${what}: ${verdict.reason}`,
    {
      hint: untrusted
        ? 'name its key or identity in "attestation" in toolcrib.json, or sign with a key that is named there'
        : 'an attestation that is there is never replaced: skip this version and publish the next one',
      details: { file: verdict.file },
    },
  );
}

/** The policy demands attestations, and nobody makes them: PolicyError `ATTESTATION_MISSING`. */
export function missingAttestations(names: readonly string[]): PolicyError {
  const what = names.length === 0 ? 'an artifact' : names.join(', ');
  return new PolicyError('ATTESTATION_MISSING', `the policy demands an attestation of ${what}, and there is none`, {
    hint: 'publish with --sign KEYFILE or --sign sigstore',
    details: { names },
  });
}
