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
import type { Installation } from './install-state.ts';
import type { LocalBuilder } from './local-builder.ts';

/** Where an artifact can come from, in the order in which it is looked for. */
export type TierName = 'bundled' | 'cache' | 'store' | 'build';

/** What one place said. */
export interface TierReport {
  readonly tier: TierName;
  /** A path, a URL without secrets, or the command that would build it. */
  readonly where: string;
  /**
   * `found` ends the search; `missing`: it is not there; `unreachable`: nobody knows; `refused`: it has other bytes than
   * what is pinned, or the user wants no build, which ends the search, too; `skipped`: nobody looked.
   */
  readonly outcome: 'found' | 'missing' | 'unreachable' | 'refused' | 'skipped';
  /** Why, a sentence without its end. */
  readonly reason: string;
  /** In bytes; null where nobody learned it. */
  readonly size: number | null;
  /** How long this place took, in milliseconds; null where nobody looked. */
  readonly ms: number | null;
}

/**
 * Which artifact, from which tier, and why. Its bytes had the pinned digest a moment ago; those of a `-dev` artifact are
 * only measured.
 */
export interface Resolution {
  /** File name, e.g. `sandbox-tools-amd64-any-v2`. */
  readonly name: string;
  /** True: a local build that no pin vouches for. Its name ends with `-dev`. */
  readonly dev: boolean;
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
  /** What came of looking at its attestations; null where the policy has nobody look, and for a local build. */
  readonly attestation: AttestationVerdict | null;
  /** How the project got here, where that decided; null where a release was asked for. */
  readonly install: Installation | null;
  /** Every place in order. */
  readonly trail: readonly TierReport[];
}

/** What {@link Resolution} would be, as far as that can be known without reading a store's bytes. */
export interface ResolutionPlan {
  readonly name: string;
  /** Null when there is no local build that could be measured. */
  readonly digest: Digest | null;
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
  /** What decides on name and tiers; undefined: a release is asked for, however the project got here. */
  readonly install?: Installation | undefined;
  /** The last tier; undefined where a release is asked for. */
  readonly builder?: LocalBuilder | undefined;
  /** True under `CI=true`: what no pin vouches for is refused. */
  readonly inCi?: boolean;
  /** True: no store is opened. */
  readonly offline: boolean;
  readonly reporter: Reporter;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
}
