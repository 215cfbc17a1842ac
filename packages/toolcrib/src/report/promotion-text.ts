/** What a person is told about a promotion, besides its publication. */
export interface PromotionFacts {
  readonly pullRequest: number;
  readonly approvedBy: readonly string[];
  readonly tool: string;
  readonly version: number;
  readonly commit: string;
  readonly builtCommit: string;
  readonly run: string | null;
}

/** What was verified before anything was published. */
export function describePromotion(facts: PromotionFacts): string {
  const { pullRequest, approvedBy, tool, version, commit, builtCommit, run } = facts;
  const lines = [
    `${tool} v${version}: pull request ${pullRequest} at ${commit}, approved by ${approvedBy.join(', ')}`,
    ...(run === null ? [] : [`built by ${run}`]),
    ...(builtCommit === commit ? [] : [`from ${builtCommit}; only the sums were committed since`]),
  ];
  return `${lines.join('\n')}\n`;
}
