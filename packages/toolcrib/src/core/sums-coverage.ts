import { formatArtifactName } from './artifact-name.ts';
import type { Sums } from './sums.ts';
import type { Target } from './target.ts';

/** A release with all that it has to have. */
export interface WholeRelease {
  readonly tool: string;
  readonly version: number;
  readonly targets: readonly Target[];
}

/** How sums compare with the artifacts of a release; names are sorted. */
export interface SumsCoverage {
  /** True when they name exactly these artifacts. */
  readonly isExact: boolean;
  readonly wanted: readonly string[];
  readonly named: readonly string[];
  /** Wanted and not named. */
  readonly missing: readonly string[];
  /** Named and not wanted. */
  readonly foreign: readonly string[];
}

/** Compares what sums name with the artifacts of a release: exactly its targets, of exactly its version. */
export function coverageOf(sums: Sums, { tool, version, targets }: WholeRelease): SumsCoverage {
  const wanted = targets.map((target) => formatArtifactName({ tool, version, target, dev: false })).sort();
  const named = [...sums.keys()].sort();
  const missing = wanted.filter((name) => !sums.has(name));
  const foreign = named.filter((name) => !wanted.includes(name));
  return { isExact: missing.length === 0 && foreign.length === 0, wanted, named, missing, foreign };
}
