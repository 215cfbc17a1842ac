import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Signer } from '../../../src/attestations/attestation.ts';
import { openKeySigner } from '../../../src/attestations/key-signer.ts';
import { keyIdOf, type TrustedKey } from '../../../src/attestations/keys.ts';
import { createVerifier } from '../../../src/attestations/verifier.ts';
import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import type { Sums } from '../../../src/core/sums.ts';
import { systemClock } from '../../../src/flows/host.ts';
import type { MirrorRequest } from '../../../src/mirror/mirror-release.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { sumsOfArtifacts } from '../../../src/publish/release-artifacts.ts';
import type { ReleaseTrust } from '../../../src/releases/release-trust.ts';
import type { Store } from '../../../src/stores/store.ts';
import { buildRelease, requestOf } from '../publish/sample-release.ts';

/** Somebody who signs with a key of their own. */
export interface SampleSigner {
  readonly signer: Signer;
  readonly key: TrustedKey;
  /** Public, PEM. */
  readonly pem: string;
}

export async function sampleSigner(folder: string, name = 'key.pem'): Promise<SampleSigner> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const path = join(folder, name);
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  return { signer: await openKeySigner(path), key: { keyid: keyIdOf(publicKey), key: publicKey }, pem };
}

/** Publishes artifacts with bytes of their own. */
export async function publishSample(
  store: Store,
  folder: string,
  { version = 1, bytes = 1000, signer }: { version?: number; bytes?: number; signer?: Signer } = {},
): Promise<Sums> {
  const artifacts = await buildRelease(folder, { version, bytes });
  await publishRelease({ ...requestOf(store, artifacts, { version }), signer });
  return sumsOfArtifacts(artifacts);
}

/** A project that pins nothing and trusts nobody, or those that are given. */
export function trustIn(
  trusted: readonly SampleSigner[] = [],
  more: Partial<ReleaseTrust> & { require?: boolean } = {},
): ReleaseTrust {
  const { require = false, ...rest } = more;
  const publicKeys = trusted.map((_, index) => `/key-${index}.pub`);
  const policy = { ...NO_ATTESTATION_POLICY, require, publicKeys };
  const keys = trusted.map(({ key }) => key);
  const looks = require || trusted.length > 0;
  return {
    pins: { tool: 'tool', version: 1, targets: [], sums: new Map(), sumsFile: 'SHA256SUMS' },
    policy,
    verifier: looks ? createVerifier(policy, { keys, sigstore: undefined }) : undefined,
    keys,
    revocations: { refuse: () => undefined, lists: () => [] },
    reporter: silentReporter,
    ...rest,
  };
}

export function mirrorRequest(
  stores: Pick<MirrorRequest, 'from' | 'to'>,
  folder: string,
  more: Partial<MirrorRequest> = {},
): MirrorRequest {
  const spool = { directory: join(folder, 'spool'), clock: systemClock, reporter: silentReporter };
  return { tool: 'tool', version: 1, ...stores, trust: trustIn(), spool, ...more };
}
