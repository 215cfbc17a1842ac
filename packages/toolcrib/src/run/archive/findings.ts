/** Which check an archive did not pass. */
export type FindingRule =
  | 'unreadable'
  | 'too_large'
  | 'member_order'
  | 'member_missing'
  | 'member_unlisted'
  | 'size_mismatch'
  | 'digest_mismatch'
  | 'run_id'
  | 'schema'
  | 'seq'
  | 'events'
  | 'outcome'
  | 'health'
  | 'correlation'
  | 'surface'
  | 'secret'
  | 'unsafe_redaction';

/** One reason to refuse an archive. */
export interface Finding {
  readonly rule: FindingRule;
  /** Undefined when it is about the archive as a whole. */
  readonly member: string | undefined;
  /** One sentence; quotes at most 200 characters of the archive, and never a secret. */
  readonly message: string;
}

/** Collects findings; of a member that is wrong throughout, the first ones tell enough. */
export interface Findings {
  add(rule: FindingRule, member: string | undefined, message: string): void;
  readonly list: readonly Finding[];
}

const MAX_PER_MEMBER = 10;

export function createFindings(): Findings {
  const list: Finding[] = [];
  const counts = new Map<string | undefined, number>();
  return {
    list,
    add(rule, member, message) {
      const seen = counts.get(member) ?? 0;
      counts.set(member, seen + 1);
      if (seen < MAX_PER_MEMBER) list.push({ rule, member, message });
    },
  };
}
