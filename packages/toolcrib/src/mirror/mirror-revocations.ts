import type { TrustedKey } from '../attestations/keys.ts';
import { readStoredRevocations } from '../attestations/read-revocations.ts';
import { missingFrom, verifyRevocations, type TrustedRevocations } from '../attestations/revocations.ts';
import { digestOf } from '../core/digest.ts';
import { PolicyError } from '../core/errors.ts';
import { onePiece } from '../core/one-piece.ts';
import { revocationListName } from '../core/release-names.ts';
import { readStoredBytes, type ReadableStore } from '../releases/stored-file.ts';
import type { Store } from '../stores/store.ts';

/**
 * What became of a list of revoked releases. `kept`: the store has another one, which stays, and lacks nothing that is
 * known; `outdated`: the one that it has lacks something, and only a person can replace it; `none`: there is none to copy;
 * `unverified`: the policy has no key that could have signed it, so it was left out; `unsupported`: the store has no place
 * for it.
 */
export type RevocationOutcome = 'created' | 'same' | 'kept' | 'outdated' | 'none' | 'unverified' | 'unsupported';

/** The list of revoked releases that a store has after a copy. */
export interface MirroredRevocations {
  readonly outcome: RevocationOutcome;
  /** What is known to be revoked and the list in the store lacks: versions as `v3`, digests. Only of an outdated one. */
  readonly missing: readonly string[];
  /** Path or URL of a list that lacks nothing; null where there is none, or none is needed. */
  readonly replacement: string | null;
}

/** How a list of revoked releases is copied. */
export interface RevocationCopy {
  readonly tool: string;
  /** Those of the policy: only what one of them signed is copied. */
  readonly keys: readonly TrustedKey[];
  /** Every list that is known, wherever it is from. */
  readonly known: readonly TrustedRevocations[];
  /** True: where there are no keys it is copied as it is, because somebody asked for that. Default: left out. */
  readonly unverified?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A list, and the path or URL that it was read from, for messages. */
export interface OfferedList {
  readonly bytes: Uint8Array;
  readonly where: string;
}

/**
 * Copies the signed list of revoked releases when a key of the policy signed it and it lacks nothing that is known. Stores
 * are write-once: a list that does not count would stop everybody who has keys, an older edition would hide what was
 * revoked since, and neither could be replaced.
 * @throws PolicyError `REVOCATIONS_OUTDATED` for an older edition; as `verifyRevocations`; IntegrityError `TOO_LARGE`;
 * RemoteError; the signal's reason.
 */
export async function mirrorRevocations(
  from: ReadableStore,
  to: Store,
  copy: RevocationCopy,
): Promise<MirroredRevocations> {
  const name = revocationListName(copy.tool);
  const bytes = await readStoredBytes(from, name, copy);
  return await createRevocations(bytes && { bytes, where: `${from.reference}: ${name}` }, to, copy);
}

/**
 * As {@link mirrorRevocations}, for who has the list.
 * @param offered undefined where there is none: what the store has is compared with what is known all the same.
 */
export async function createRevocations(
  offered: OfferedList | undefined,
  to: Store,
  copy: RevocationCopy,
): Promise<MirroredRevocations> {
  const { tool, keys, unverified = false, signal } = copy;
  if (to.keepsRevocations === false) return ended(offered === undefined ? 'none' : 'unsupported');
  if (keys.length === 0)
    return offered === undefined ? ended('none') : await createUnread(offered, to, copy, unverified);
  const list = offered && verifyRevocations(offered.bytes, { ...offered, tool, keys });
  const known = [...copy.known, ...(list === undefined ? [] : [list])];
  const before = await readStoredRevocations(to, tool, keys, { signal });
  if (before !== undefined) return compare(before, offered, known);
  if (offered === undefined || list === undefined) return ended('none');
  refuseOlder(list, known);
  if (await create(offered, to, copy)) return ended('created');
  const winner = await readStoredRevocations(to, tool, keys, { signal });
  return winner === undefined ? ended('none') : compare(winner, offered, known);
}

const ended = (outcome: RevocationOutcome): MirroredRevocations => ({ outcome, missing: [], replacement: null });

/** Nobody can tell what such a list says: it is copied for who asks for that, and compared by its bytes. */
async function createUnread(
  offered: OfferedList,
  to: Store,
  copy: RevocationCopy,
  asked: boolean,
): Promise<MirroredRevocations> {
  if (!asked) return ended('unverified');
  if (await create(offered, to, copy)) return ended('created');
  const there = await readStoredBytes(to, revocationListName(copy.tool), copy);
  return ended(there !== undefined && digestOf(there) === digestOf(offered.bytes) ? 'same' : 'kept');
}

/** False when another one is there already. */
async function create({ bytes }: OfferedList, to: Store, { tool, signal }: RevocationCopy): Promise<boolean> {
  const source = { digest: digestOf(bytes), size: bytes.byteLength, open: () => onePiece(bytes) };
  return (await to.create(revocationListName(tool), source, signal ? { signal } : {})) === 'created';
}

function compare(
  there: TrustedRevocations & { readonly bytes: Uint8Array },
  offered: OfferedList | undefined,
  known: readonly TrustedRevocations[],
): MirroredRevocations {
  const missing = missingFrom(there.list, known);
  if (missing.length > 0) return { outcome: 'outdated', missing, replacement: completeOf(known)?.where ?? null };
  const same = offered !== undefined && digestOf(there.bytes) === digestOf(offered.bytes);
  return ended(same ? 'same' : 'kept');
}

/** Of lists, one that has what any of them has. */
function completeOf(lists: readonly TrustedRevocations[]): TrustedRevocations | undefined {
  return lists.find(({ list }) => missingFrom(list, lists).length === 0);
}

/** @throws PolicyError `REVOCATIONS_OUTDATED`. */
function refuseOlder({ list, where }: TrustedRevocations, known: readonly TrustedRevocations[]): void {
  const missing = missingFrom(list, known);
  if (missing.length === 0) return;
  const complete = completeOf(known)?.where;
  const what = `the list of revocations ${where} is an older edition: it lacks ${missing.join(', ')}, so it is not copied`;
  throw new PolicyError('REVOCATIONS_OUTDATED', what, {
    hint:
      complete === undefined
        ? 'no list that is known has all of it: sign one with "toolcrib revoke", and put it into the source by hand'
        : `put the newer one into the source by hand: ${complete}; where it is written it could not be replaced any more`,
    details: { where, missing: [...missing], newer: complete ?? null },
  });
}
