import type { Search } from './search.ts';

/**
 * Refuses what a list in any of the stores revokes. A store that does not answer could withhold its list as well.
 * @throws PolicyError `REVOKED`; as `KnownRevocations.ask`.
 */
export async function refuseRevokedByStores({ request, artifact, revocations }: Search): Promise<void> {
  if (revocations === undefined) return;
  for (const reference of request.pins.stores) await revocations.ask(await request.openStore(reference));
  revocations.refuse(artifact);
}
