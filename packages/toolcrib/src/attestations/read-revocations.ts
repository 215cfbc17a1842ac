import { hasCode } from '../core/errors.ts';
import { revocationListName } from '../core/release-names.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { readStoredBytes, type ReadableStore } from '../releases/stored-file.ts';
import type { TrustedKey } from './keys.ts';
import { verifyRevocations, type TrustedRevocations } from './revocations.ts';
import { MAX_SIGNED_BYTES } from './strict-json.ts';

/**
 * Reads the list that a project keeps under git.
 * @param file absolute path; undefined where no project may have one.
 * @returns undefined when there is none.
 * @throws as {@link verifyRevocations}, also where the policy trusts no key: a list that is there counts or stops
 * everything; RemoteError `STORAGE`.
 */
export async function readProjectRevocations(
  file: string | undefined,
  tool: string,
  keys: readonly TrustedKey[],
): Promise<TrustedRevocations | undefined> {
  if (file === undefined) return undefined;
  try {
    return verifyRevocations(await readSmallFile(file, MAX_SIGNED_BYTES), { where: file, tool, keys });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * Reads the list that a store has. A store can withhold it; what it gives out counts or stops everything, so that it can
 * neither take a revocation back nor hide one behind rubbish without anybody noticing.
 * @param keys with none of them nobody could believe the store: it is not asked.
 * @returns undefined when it has none.
 * @throws as {@link verifyRevocations}; as `Fetcher.fetch`.
 */
export async function readStoredRevocations(
  store: ReadableStore,
  tool: string,
  keys: readonly TrustedKey[],
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<(TrustedRevocations & { readonly bytes: Uint8Array }) | undefined> {
  if (keys.length === 0) return undefined;
  const name = revocationListName(tool);
  const bytes = await readStoredBytes(store, name, options);
  if (bytes === undefined) return undefined;
  return { ...verifyRevocations(bytes, { where: `${store.reference}: ${name}`, tool, keys }), bytes };
}
