/** What the merge gate asks. */
export type RuleName = 'sources' | 'version' | 'sums' | 'store';

/** How one rule came out. */
export interface RuleResult {
  readonly rule: RuleName;
  /** The store it is about; null for the other rules, and where there is none. */
  readonly store: string | null;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  /** What was found, one sentence without a full stop. May quote names of the repository. */
  readonly message: string;
  /** What to do about it; null where nothing is to be done. */
  readonly todo: string | null;
  /** The file it is about, from the top of the repository; null for none. */
  readonly file: string | null;
}

/** A result that is about no store. */
export function ruleResult(
  rule: Exclude<RuleName, 'store'>,
  outcome: RuleResult['outcome'],
  message: string,
  more: { readonly todo?: string; readonly file?: string } = {},
): RuleResult {
  return { rule, store: null, outcome, message, todo: more.todo ?? null, file: more.file ?? null };
}
