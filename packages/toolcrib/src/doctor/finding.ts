/** What is looked at, in the order in which it is told. */
export const FINDING_GROUPS = ['toolcrib', 'engines', 'stores', 'network', 'cache', 'local', 'recording'] as const;

export type FindingGroup = (typeof FINDING_GROUPS)[number];

/** One thing that was looked at. */
export interface Finding {
  readonly group: FindingGroup;
  /** E.g. `docker`, or the URL of a store. Holds no secret. */
  readonly subject: string;
  /**
   * - `ok`: it works;
   * - `note`: it is not there, or was not looked at, and nothing that is configured needs it;
   * - `warning`: it works, but less than one may think;
   * - `failed`: it is configured, and does not work.
   */
  readonly state: 'ok' | 'note' | 'warning' | 'failed';
  /** What was seen, one or more sentences without the last end. */
  readonly text: string;
  /** What to do about it; null when there is nothing to do, or nobody can say. */
  readonly remedy: string | null;
  /** The same for machines: JSON values. */
  readonly facts: Readonly<Record<string, string | number | boolean | null | readonly string[]>>;
}

/** A finding of which most stays away. */
export function finding(known: Pick<Finding, 'group' | 'subject' | 'state' | 'text'> & Partial<Finding>): Finding {
  return { remedy: null, facts: {}, ...known };
}
