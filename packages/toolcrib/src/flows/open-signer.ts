import { createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import type { AttestationVerifier, Signer } from '../attestations/attestation.ts';
import { signOnce } from '../publish/attestations.ts';
import type { AttestationPolicy } from '../config/config.ts';
import { UsageError } from '../core/errors.ts';
import type { Host } from './host.ts';

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
 * @throws UsageError for a key that is none, or `sigstore` where nobody vouches for us.
 */
export async function openSigning(
  sign: string | undefined,
  given: Signer | undefined,
  policy: AttestationPolicy,
  host: Host,
): Promise<Signing> {
  const own = given === undefined && sign !== undefined && sign !== 'sigstore' ? resolve(host.cwd, sign) : undefined;
  const signer = given ?? (await openSigner(sign, own));
  const self = own === undefined || policy.require ? undefined : await ownVerifier(own);
  return { signer: signer && signOnce(signer), verifier: self };
}

async function openSigner(sign: string | undefined, keyFile: string | undefined): Promise<Signer | undefined> {
  if (keyFile !== undefined) {
    const { openKeySigner } = await import('../attestations/key-signer.ts');
    return await openKeySigner(keyFile);
  }
  if (sign === undefined) return undefined;
  throw new UsageError('USAGE', 'this version signs with a key only', { hint: '--sign KEYFILE' });
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
