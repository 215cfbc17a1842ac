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
  | 'capture'
  | 'secret'
  | 'signature'
  | 'unsafe_redaction';

/** One reason to refuse an archive. */
export interface Finding {
  readonly rule: FindingRule;
  /** Undefined when it is about the archive as a whole. */
  readonly member: string | undefined;
  /** One sentence; quotes at most 200 characters of the archive, and never a secret. */
  readonly message: string;
}

/** Collects findings; of a member that is wrong throughout, the first ones of each rule tell enough. */
export interface Findings {
  add(rule: FindingRule, member: string | undefined, message: string): void;
  /** Whether so much is wrong with a member by now that reading on tells nothing more. */
  isHopeless(member: string): boolean;
  readonly list: readonly Finding[];
}

const MAX_PER_RULE = 10;
const HOPELESS = 100;

export function createFindings(): Findings {
  const list: Finding[] = [];
  const counts = new Map<string, number>();
  const count = (key: string): number => {
    const seen = counts.get(key) ?? 0;
    counts.set(key, seen + 1);
    return seen;
  };
  return {
    list,
    add(rule, member, message) {
      if (member !== undefined) count(member);
      if (count(`${rule} ${member ?? ''}`) < MAX_PER_RULE) list.push({ rule, member, message });
    },
    isHopeless: (member) => (counts.get(member) ?? 0) >= HOPELESS,
  };
}
