import { looksAtAttestations } from '../attestations/enforce.ts';
import { readTrustedKeys } from '../attestations/trusted-keys.ts';
import type { ToolPins } from '../config/config.ts';
import type { ReleaseTrust } from '../releases/release-trust.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { Host } from './host.ts';
import { openRevocations } from './open-revocations.ts';
import { openVerifier } from './open-verifier.ts';

/**
 * What a project trusts, made ready: the verifier of its policy, and every list of revoked releases that can be read.
 * @param tool that the releases are of.
 * @param stores that are asked for such a list.
 * @throws as {@link openVerifier}, {@link openRevocations}, `KnownRevocations.ask`.
 */
export async function openReleaseTrust(
  pins: ToolPins,
  host: Host,
  tool: string,
  stores: readonly ReadableStore[],
): Promise<ReleaseTrust> {
  const { attestation: policy } = pins;
  const revocationFile = pins.tool === tool ? pins.revocationFile : undefined;
  const revocations = await openRevocations({ tool, attestation: policy, revocationFile }, host);
  for (const store of stores) await revocations.ask(store);
  const verifier = looksAtAttestations(policy) ? await openVerifier(policy, host) : undefined;
  const keys = await readTrustedKeys(policy.publicKeys);
  return { pins, policy, verifier, keys, revocations, reporter: host.reporter };
}
