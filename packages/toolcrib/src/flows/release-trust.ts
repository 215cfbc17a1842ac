import { looksAtAttestations } from '../attestations/enforce.ts';
import { readProjectRevocations, readStoredRevocations } from '../attestations/read-revocations.ts';
import { verifyRevocations, type TrustedRevocations } from '../attestations/revocations.ts';
import { readTrustedKeys } from '../attestations/trusted-keys.ts';
import type { ToolPins } from '../config/config.ts';
import type { ReleaseTrust } from '../releases/release-trust.ts';
import type { ReadableStore } from '../releases/stored-file.ts';
import type { Host } from './host.ts';
import { openVerifier } from './open-verifier.ts';

/** A list of revoked releases that came along. */
export interface BroughtRevocations {
  readonly bytes: Uint8Array;
  /** Where it came from, for messages. */
  readonly where: string;
}

/**
 * What a project trusts, made ready: the verifier of its policy, and every list of revocations that can be read, of the
 * project, of stores, and what came along. Without a public key in the policy nobody can believe a list: only that of
 * the project is looked at then, which fails.
 * @param tool that the releases are of.
 * @throws as {@link openVerifier}, `readProjectRevocations`, `readStoredRevocations`, `verifyRevocations`.
 */
export async function openReleaseTrust(
  pins: ToolPins,
  host: Host,
  tool: string,
  { stores = [], brought }: { stores?: readonly ReadableStore[]; brought?: BroughtRevocations | undefined },
): Promise<ReleaseTrust> {
  const { attestation: policy } = pins;
  const { reporter, signal } = host;
  const keys = await readTrustedKeys(policy.publicKeys);
  const own = pins.tool === tool ? pins.revocationFile : undefined;
  const lists = [await readProjectRevocations(own, tool, keys)];
  for (const store of stores) lists.push(await readStoredRevocations(store, tool, keys, { signal }));
  if (brought !== undefined && keys.length > 0) {
    lists.push(verifyRevocations(brought.bytes, { where: brought.where, tool, keys }));
  }
  const revocations = lists.filter((list): list is TrustedRevocations => list !== undefined);
  const verifier = looksAtAttestations(policy) ? await openVerifier(policy, host) : undefined;
  return { pins, policy, verifier, revocations, reporter };
}
