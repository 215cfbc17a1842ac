import { readProjectRevocations, readStoredRevocations } from '../attestations/read-revocations.ts';
import { refuseRevoked, type TrustedRevocations } from '../attestations/revocations.ts';
import { readTrustedKeys } from '../attestations/trusted-keys.ts';
import { messageOf, RemoteError } from '../core/errors.ts';
import type { Search } from './search.ts';

/**
 * Refuses an artifact that the project's own list revokes.
 * @throws PolicyError `REVOKED`; as `readProjectRevocations`.
 */
export async function refuseRevokedByProject({ request, artifact }: Search): Promise<void> {
  const { attestation, revocationFile, tool } = request.pins;
  const keys = await readTrustedKeys(attestation.publicKeys);
  const list = await readProjectRevocations(revocationFile, tool, keys);
  refuseRevoked(list === undefined ? [] : [list], artifact);
}

/**
 * Refuses an artifact that a list in any of the stores revokes, before it is downloaded. A store that does not answer
 * cannot be made to: it could withhold its list as well.
 * @throws PolicyError `REVOKED`; as `readStoredRevocations`, but for what a store fails at.
 */
export async function refuseRevokedByStores({ request, artifact }: Search): Promise<void> {
  const { attestation, stores, tool } = request.pins;
  const keys = await readTrustedKeys(attestation.publicKeys);
  const lists: TrustedRevocations[] = [];
  for (const reference of stores) {
    try {
      const store = await request.openStore(reference);
      const list = await readStoredRevocations(store, tool, keys, { signal: request.signal });
      if (list !== undefined) lists.push(list);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      const text = `${reference.url} does not tell what is revoked: ${messageOf(error)}`;
      request.reporter.notice({ kind: 'warning', text });
    }
  }
  refuseRevoked(lists, artifact);
}
