import { createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import type { AttestationVerifier, Signer } from '../attestations/attestation.ts';
import { looksAtAttestations } from '../attestations/enforce.ts';
import type { ProjectConfig } from '../config/config.ts';
import { signOnce } from '../publish/attestations.ts';
import type { Host } from './host.ts';
import { transferOptions } from './open-store.ts';
import { openVerifier } from './open-verifier.ts';

/** Who signs what is published, and who tells whether what is signed holds. */
export interface Signing {
  readonly signer: Signer | undefined;
  readonly verifier: AttestationVerifier | undefined;
}

/**
 * Opens what a publication signs with. An attestation that is there holds when the policy says so; where the policy
 * demands nothing, also when it was signed by the key that signs now.
 * @param sign `sigstore`, or the path of a private key; undefined: nothing is signed.
 * @param given a signer that is open already, instead.
 * @throws UsageError, NotFoundError for a key that is none; as `openVerifier`.
 */
export async function openSigning(
  sign: string | undefined,
  given: Signer | undefined,
  { attestation }: Pick<ProjectConfig, 'attestation'>,
  host: Host,
): Promise<Signing> {
  const keyFile = sign === undefined || sign === SIGSTORE ? undefined : resolve(host.cwd, sign);
  const own = given ?? (await openSigner(sign, keyFile, host));
  const trusted = looksAtAttestations(attestation) ? await openVerifier(attestation, host) : undefined;
  const self = keyFile === undefined || attestation.require ? undefined : await ownVerifier(keyFile);
  return { signer: own && signOnce(own), verifier: trusted && self ? either(trusted, self) : (trusted ?? self) };
}

const SIGSTORE = 'sigstore';

async function openSigner(
  sign: string | undefined,
  keyFile: string | undefined,
  host: Host,
): Promise<Signer | undefined> {
  if (keyFile === undefined) return sign === undefined ? undefined : await openSigstore(host);
  const { openKeySigner } = await import('../attestations/key-signer.ts');
  return await openKeySigner(keyFile);
}

/** The public instance of Sigstore, or the one that the environment names. */
async function openSigstore(host: Host): Promise<Signer> {
  const { openSigstoreSigner } = await import('../attestations/sigstore-signer.ts');
  const { ambientIdentity } = await import('../attestations/identity-token.ts');
  const { createTransfer } = await import('../transfer/transfer.ts');
  const options = await transferOptions(host);
  return openSigstoreSigner({
    offline: host.offline,
    fulcioUrl: host.env['TOOLCRIB_FULCIO_URL'] || undefined,
    rekorUrl: host.env['TOOLCRIB_REKOR_URL'] || undefined,
    tsaUrl: host.env['TOOLCRIB_TSA_URL'] || undefined,
    async identityToken(signal) {
      const transfer = createTransfer(options);
      try {
        return await ambientIdentity(host.env, transfer)(signal);
      } finally {
        await transfer.close();
      }
    },
  });
}

/** Believes exactly the key that signs. */
async function ownVerifier(keyFile: string): Promise<AttestationVerifier> {
  const { readPrivateKey } = await import('../attestations/key-signer.ts');
  const { keyIdOf } = await import('../attestations/keys.ts');
  const { createVerifier } = await import('../attestations/verifier.ts');
  const { NO_ATTESTATION_POLICY } = await import('../config/attestation-policy.ts');
  const key = await readPrivateKey(keyFile);
  const keys = [{ keyid: keyIdOf(key), key: createPublicKey(key) }];
  return createVerifier(NO_ATTESTATION_POLICY, { keys, sigstore: undefined });
}

/**
 * What either of two believes, unless the first one says that it does not hold; where neither does, what the first one
 * says.
 */
function either(first: AttestationVerifier, second: AttestationVerifier): AttestationVerifier {
  return {
    verify(subject, files, options) {
      const verdict = first.verify(subject, files, options);
      if (verdict.status === 'verified' || verdict.status === 'wrong') return verdict;
      const other = second.verify(subject, files, options);
      return other.status === 'verified' ? other : verdict;
    },
  };
}
