import type { AttestationVerdict, AttestationVerifier } from '../attestations/attestation.ts';
import type { KnownRevocations } from '../attestations/known-revocations.ts';
import type { Cache } from '../cache/cache.ts';
import type { ToolPins } from '../config/config.ts';
import type { Clock } from '../core/clock.ts';
import type { Digest } from '../core/digest.ts';
import type { StoreReference } from '../core/reference.ts';
import type { Reporter } from '../core/reporter.ts';
import type { Target } from '../core/target.ts';
import type { Fetcher } from '../stores/store.ts';

/** Where an artifact can come from, in the order in which it is looked for. */
export type TierName = 'bundled' | 'cache' | 'store';

/** What one place said. */
export interface TierReport {
  readonly tier: TierName;
  /** A path or a URL without secrets. */
  readonly where: string;
  /**
   * `found` ends the search; `missing`: it is not there; `unreachable`: nobody knows; `refused`: it has other bytes than
   * what is pinned, which ends the search, too; `skipped`: nobody looked.
   */
  readonly outcome: 'found' | 'missing' | 'unreachable' | 'refused' | 'skipped';
  /** Why, a sentence without its end. */
  readonly reason: string;
}

/** Which artifact, from which tier, and why. Its bytes had the pinned digest a moment ago. */
export interface Resolution {
  /** File name, e.g. `sandbox-tools-amd64-any-v2`. */
  readonly name: string;
  /** Absolute. In a bundled folder or in the cache; nobody may write to it. */
  readonly path: string;
  readonly digest: Digest;
  /** In bytes. */
  readonly size: number;
  readonly target: Target;
  readonly tier: TierName;
  /** Where a store's bytes really came from; null for other tiers. */
  readonly url: string | null;
  /** The store as it is configured; null for other tiers. */
  readonly store: string | null;
  /** What came of looking at its attestations; null where the policy has nobody look. */
  readonly attestation: AttestationVerdict | null;
  /** Every place in order. */
  readonly trail: readonly TierReport[];
}

/** What {@link Resolution} would be, as far as that can be known without reading a store's bytes. */
export interface ResolutionPlan {
  readonly name: string;
  readonly digest: Digest;
  readonly target: Target;
  /** Null when no place has it. */
  readonly tier: TierName | null;
  /** The place that would be used: a path or a URL; null when there is none. */
  readonly where: string | null;
  /** Every place in order. */
  readonly trail: readonly TierReport[];
}

/** A store that is open for reading. */
export type OpenFetcher = Fetcher & {
  /** As the user wrote it. */
  readonly reference: string;
};

/** What is to be resolved, and with what. */
export interface ResolveRequest {
  readonly pins: ToolPins;
  readonly target: Target;
  readonly cache: Cache;
  /** Opens a store when it is its turn, rewrites applied. Who gave this function closes what it opened. */
  readonly openStore: (reference: StoreReference) => Promise<OpenFetcher>;
  /** Asked for only where the policy has somebody look at attestations. */
  readonly openVerifier: () => Promise<AttestationVerifier>;
  /** Asked for only where there is a list of revoked releases, or a key that could have signed one. */
  readonly openRevocations: () => Promise<KnownRevocations>;
  /** True: stores are asked what is revoked also when the bytes are here already. */
  readonly asksRevocations?: boolean;
  /** True: no store is opened. */
  readonly offline: boolean;
  readonly reporter: Reporter;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}
