import type { TrustedKey } from '../attestations/keys.ts';
import { verifyRevocations } from '../attestations/revocations.ts';
import { digestOf } from '../core/digest.ts';
import { onePiece } from '../core/one-piece.ts';
import { revocationListName } from '../core/release.ts';
import { readStoredBytes, type ReadableStore } from '../releases/stored-file.ts';
import type { Store } from '../stores/store.ts';

/**
 * What became of a list of revoked releases. `kept`: the store has another one, which stays; `none`: there is none to
 * copy; `unverified`: the policy has no key that could have signed it, so it was left out; `unsupported`: the store has
 * no place for it.
 */
export type RevocationOutcome = 'created' | 'same' | 'kept' | 'none' | 'unverified' | 'unsupported';

/** How a list of revoked releases is copied. */
export interface RevocationCopy {
  readonly tool: string;
  /** Those of the policy: only what one of them signed is copied. */
  readonly keys: readonly TrustedKey[];
  /** True: where there are no keys it is copied as it is, because somebody asked for that. Default: left out. */
  readonly unverified?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies the signed list of revoked releases when a key of the policy signed it. Stores are write-once: a list that does
 * not count would stop everybody who has keys, and could not be replaced.
 * @throws as `verifyRevocations`; IntegrityError `TOO_LARGE`; RemoteError; the signal's reason.
 */
export async function mirrorRevocations(
  from: ReadableStore,
  to: Store,
  copy: RevocationCopy,
): Promise<RevocationOutcome> {
  const name = revocationListName(copy.tool);
  const bytes = await readStoredBytes(from, name, copy);
  return bytes === undefined ? 'none' : await createRevocations(bytes, `${from.reference}: ${name}`, to, copy);
}

/**
 * As {@link mirrorRevocations}, for who has the list.
 * @param where path or URL that it was read from, for messages.
 */
export async function createRevocations(
  bytes: Uint8Array,
  where: string,
  to: Store,
  { tool, keys, unverified = false, signal }: RevocationCopy,
): Promise<Exclude<RevocationOutcome, 'none'>> {
  if (to.keepsRevocations === false) return 'unsupported';
  if (keys.length === 0 && !unverified) return 'unverified';
  if (keys.length > 0) verifyRevocations(bytes, { where, tool, keys });
  const name = revocationListName(tool);
  const source = { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
  if ((await to.create(name, source, signal ? { signal } : {})) === 'created') return 'created';
  const there = await readStoredBytes(to, name, { signal });
  return there !== undefined && digestOf(there) === source.digest ? 'same' : 'kept';
}
