import { join } from 'node:path';
import type { AttestationVerifier } from '../attestations/attestation.ts';
import { trustsIdentity } from '../attestations/identity.ts';
import { readTrustedKeys, readTrustFile } from '../attestations/trusted-keys.ts';
import { createVerifier, type TrustMaterial } from '../attestations/verifier.ts';
import { openCache } from '../cache/cache.ts';
import { MAX_TRUSTED_ROOT_BYTES, readTrustedRoot } from '../cache/trusted-roots.ts';
import type { AttestationPolicy } from '../config/config.ts';
import { digestOf, type Digest } from '../core/digest.ts';
import { NotFoundError } from '../core/errors.ts';
import type { Host } from './host.ts';

/** Processes that update the trusted root at once would write the same files: one does, the others wait. */
const TUF_LOCK = digestOf('toolcrib tuf');

/**
 * Makes the verifier of a policy: reads its public keys, and, only where it names identities, a trusted root of
 * Sigstore: its file, else that of its digest in the cache, else that of the public instance through TUF. What the
 * verifier then does needs no I/O.
 * @throws UsageError `CONFIG_INVALID` naming the file and what is expected; NotFoundError `NOT_FOUND` when no trusted root
 * of that digest was brought; RemoteError `UNREACHABLE`, `OFFLINE`, `STORAGE`; the signal's reason.
 */
export async function openVerifier(policy: AttestationPolicy, host: Host): Promise<AttestationVerifier> {
  const keys = await readTrustedKeys(policy.publicKeys);
  return createVerifier(policy, { keys, sigstore: await openSigstore(policy, host) });
}

async function openSigstore(policy: AttestationPolicy, host: Host): Promise<TrustMaterial['sigstore']> {
  if (policy.identities.length === 0) return undefined;
  for (const identity of policy.identities) trustsIdentity(identity, identity); // a pattern that is none is told now
  const { bytes, file } = await readRoot(policy, host);
  const { createSigstoreCheck } = await import('../attestations/sigstore-check.ts');
  return await createSigstoreCheck(bytes, file);
}

async function readRoot(
  { trustedRoot, trustedRootDigest }: AttestationPolicy,
  host: Host,
): Promise<{ readonly bytes: Uint8Array; readonly file: string }> {
  if (trustedRoot !== undefined) {
    return { bytes: await readTrustFile(trustedRoot, 'trusted root', MAX_TRUSTED_ROOT_BYTES), file: trustedRoot };
  }
  if (trustedRootDigest !== undefined) {
    return { bytes: await readPinnedRoot(trustedRootDigest, host), file: `the trusted root ${trustedRootDigest}` };
  }
  return { bytes: await readPublicRoot(host), file: 'the trusted root of the public Sigstore' };
}

async function readPinnedRoot(digest: Digest, { cacheDirectory }: Host): Promise<Uint8Array> {
  const bytes = await readTrustedRoot(cacheDirectory, digest);
  if (bytes !== undefined) return bytes;
  throw new NotFoundError('NOT_FOUND', `the trusted root ${digest} is not in the cache`, {
    hint: '"toolcrib bundle load" brings it with a bundle; or put it under git: "attestation": { "trustedRoot": FILE }',
    details: { digest, cache: cacheDirectory },
  });
}

async function readPublicRoot({ cacheDirectory, clock, offline, signal }: Host): Promise<Uint8Array> {
  const { readTufTrustedRoot } = await import('../attestations/tuf-trusted-root.ts');
  const options = { directory: join(cacheDirectory, 'v1', 'tuf'), offline, signal };
  if (offline) return await readTufTrustedRoot(options);
  return await openCache(cacheDirectory, { clock }).withLock(TUF_LOCK, () => readTufTrustedRoot(options), { signal });
}
