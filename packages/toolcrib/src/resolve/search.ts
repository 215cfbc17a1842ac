import type { KnownRevocations } from '../attestations/known-revocations.ts';
import type { PinnedArtifact } from '../config/config.ts';
import { ToolcribError } from '../core/errors.ts';
import type { ResolveRequest, TierName, TierReport } from './resolution.ts';

/** One search for one pinned artifact, and what it met so far. */
export interface Search {
  readonly request: ResolveRequest;
  readonly artifact: PinnedArtifact;
  readonly trail: TierReport[];
  /** Undefined where nobody could revoke anything. */
  readonly revocations: KnownRevocations | undefined;
  /** True: stores are asked whether they have the file, and nothing is kept. */
  readonly dryRun: boolean;
}

/** Where the artifact was found. */
export interface Found {
  readonly tier: TierName;
  /** Absolute path of verified bytes; null for what a dry run left in a store. */
  readonly path: string | null;
  readonly url: string | null;
  readonly store: string | null;
}

/** One kind of place. */
export interface Tier {
  readonly name: TierName;
  /** Its places in order, for the trail of a search that ended before. */
  places(search: Search): readonly string[];
  /** Looks there and writes to the trail, also when it throws because the bytes are wrong. */
  look(search: Search): Promise<Found | undefined>;
}

/** What more is known of a place. */
export interface ReportFacts {
  /** In bytes. */
  readonly size?: number | undefined;
  /** When the look at it began, by the clock's `elapsed`. */
  readonly since?: number;
}

/** Adds to the trail. */
export function report(
  search: Pick<Search, 'request' | 'trail'>,
  tier: TierName,
  where: string,
  outcome: TierReport['outcome'],
  reason: string,
  { size, since }: ReportFacts = {},
): void {
  const ms = since === undefined ? null : Math.round(search.request.clock.elapsed() - since);
  search.trail.push({ tier, where, outcome, reason, size: size ?? null, ms });
}

/**
 * Takes steps of a search. What ends it tells the trail in its `details.trail`, in the shape that a resolution has; the
 * reason of an abort is the caller's, and stays as it is.
 */
export async function withTrail<T>(
  { request: { signal }, trail }: Pick<Search, 'request' | 'trail'>,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isAbort = signal?.aborted === true && error === signal.reason;
    if (error instanceof ToolcribError && !isAbort) error.addDetails({ trail: trail.map((step) => ({ ...step })) });
    throw error;
  }
}
