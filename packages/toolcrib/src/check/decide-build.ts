import type { Freshness } from './judge-sums.ts';

export interface BuildFacts {
  readonly version: number;
  /** Whether anything that ships changed. */
  readonly changed: boolean;
  /** Outcomes of those rules. */
  readonly versionIsRight: boolean;
  readonly sumsAreRight: boolean;
  /** True when there are stores, and each holds the release with the pinned digests. */
  readonly storesHoldIt: boolean;
  readonly freshness: Freshness;
}

/** Whether CI has artifacts to build. */
export interface BuildDecision {
  readonly needed: boolean;
  readonly reason: string;
  /** The commit whose build the sums are of, when that is why none is needed; its sources are those of HEAD. */
  readonly builtCommit: string | null;
}

/**
 * Building is needed when the version moved as it had to, unless its bytes are known already: every store holds the
 * release that is pinned, or the pins were committed alone and no source changed since. Then the commit before the pins
 * has the same sources as HEAD, and its build is what they were computed from. Pins that came in one commit with
 * sources prove nothing of the kind, so that is built.
 */
export function decideBuild(facts: BuildFacts): BuildDecision {
  const { version, changed, versionIsRight, sumsAreRight, storesHoldIt, freshness } = facts;
  const no = (reason: string, builtCommit: string | null = null) => ({ needed: false, reason, builtCommit });
  if (!changed) return no('nothing that ships changed');
  if (!versionIsRight) return no('the version has to be put right first');
  if (sumsAreRight && storesHoldIt) return no(`every store holds v${version} with the pinned digests`);
  if (sumsAreRight && freshness.kind === 'current' && freshness.parent !== undefined) {
    const { commit, parent } = freshness;
    const reason = `commit ${commit} only pinned what was built of ${parent}, and no source changed since`;
    return no(reason, parent);
  }
  return { needed: true, reason: whyNeeded(facts), builtCommit: null };
}

function whyNeeded({ version, freshness, sumsAreRight }: BuildFacts): string {
  if (freshness.kind === 'stale') return `what ships changed after v${version} was pinned`;
  if (!sumsAreRight) return `v${version} is not pinned yet`;
  return freshness.kind === 'together'
    ? `v${version} was pinned in one commit with its sources or its version`
    : `v${version} is not in every store`;
}
