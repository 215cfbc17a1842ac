import { CheckError } from '../core/errors.ts';
import { isSameSums, type Sums } from '../core/sums.ts';

/** What a store says of one version. */
export type Claim =
  | { readonly kind: 'free' }
  /** Somebody claimed it with these digests, whether the release is complete or not. */
  | { readonly kind: 'held'; readonly sums: Sums }
  /** Something stands there that cannot be read: the version is used up. */
  | { readonly kind: 'damaged'; readonly why: string }
  /** The store did not answer. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface StoreClaim {
  readonly store: string;
  readonly claim: Claim;
}

/** The version that a change has to have. */
export interface RequiredVersion {
  readonly version: number;
  /** Lower ones that are used up, and where. */
  readonly taken: readonly { readonly version: number; readonly stores: readonly string[] }[];
  /** Stores that did not answer: one of them may hold the version. */
  readonly unasked: readonly string[];
}

/** More versions than this that were never merged mean that something else is wrong. */
const MAX_TAKEN = 100;

/**
 * The lowest version above another that no store holds with other digests than ours.
 * @param ours what the project pins for a version; undefined for nothing that counts.
 * @throws CheckError `CHECK_FAILED` when a hundred versions in a row are taken; what `ask` throws.
 */
export async function findRequiredVersion(
  above: number,
  ours: (version: number) => Sums | undefined,
  ask: (version: number) => Promise<readonly StoreClaim[]>,
): Promise<RequiredVersion> {
  const taken: { version: number; stores: readonly string[] }[] = [];
  for (let version = above + 1; taken.length < MAX_TAKEN; version += 1) {
    const claims = await ask(version);
    const stores = claims.filter(({ claim }) => isTaken(claim, ours(version))).map(({ store }) => store);
    if (stores.length === 0) return { version, taken, unasked: unanswered(claims) };
    taken.push({ version, stores });
  }
  throw new CheckError('CHECK_FAILED', `all versions from v${above + 1} to v${above + MAX_TAKEN} are taken`, {
    hint: 'look at the stores: somebody claims versions that are never merged',
    details: { above, asked: MAX_TAKEN },
  });
}

/** True when other bytes than ours stand under a version, or may. */
export function isTaken(claim: Claim, ours: Sums | undefined): boolean {
  if (claim.kind === 'damaged') return true;
  return claim.kind === 'held' && (ours === undefined || !isSameSums(claim.sums, ours));
}

function unanswered(claims: readonly StoreClaim[]): readonly string[] {
  return claims.filter(({ claim }) => claim.kind === 'unknown').map(({ store }) => store);
}
