import { printable } from '../core/printable.ts';
import { truncate, wrap } from './width.ts';

/** What one side has more than the other. */
export interface SetDiffFacts {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: readonly string[];
}

/** How the capabilities of two runs differ: the capability diff of the format fits it. */
export interface DiffFacts {
  readonly base_run_id: string;
  readonly head_run_id: string;
  readonly status: string;
  readonly preconditions: { readonly base_health_clean: boolean; readonly head_health_clean: boolean };
  readonly surface: Readonly<Record<SetName, SetDiffFacts>>;
  readonly binding_ids: SetDiffFacts;
  readonly policy_outcomes: {
    readonly changed: readonly {
      readonly tool_call_id: string;
      readonly base: string | null;
      readonly head: string | null;
    }[];
  };
}

type SetName = 'filesystem_paths' | 'network_endpoints' | 'process_execs' | 'mcp_tools' | 'policy_decisions';

/** The sets of a surface and what a person calls them. */
export const DIFF_SETS: readonly (readonly [name: SetName, title: string])[] = [
  ['filesystem_paths', 'files'],
  ['network_endpoints', 'network endpoints'],
  ['process_execs', 'programs'],
  ['mcp_tools', 'tools'],
  ['policy_decisions', 'policy decisions'],
];

const STATUS_TEXTS: ReadonlyMap<string, string> = new Map([
  ['clean', 'both runs were watched without loss, and their tool calls are bound to decisions'],
  ['partial:health', 'a run lacks a layer (kernel, policy, SDK) or lost events: what is not told may have happened'],
  ['partial:correlation', 'tool calls and decisions are not bound without doubt in both runs'],
  ['failed', 'reports are missing, contradict each other, or cannot be correlated: the difference proves nothing'],
]);

/** What a status means; which of the runs it is about, where it is not about both. */
export function diffStatusText({ status, preconditions }: Pick<DiffFacts, 'status' | 'preconditions'>): string {
  const text = STATUS_TEXTS.get(status) ?? '';
  return status === 'partial:health' ? text.replace('a run', lackingRuns(preconditions)) : text;
}

function lackingRuns({ base_health_clean, head_health_clean }: DiffFacts['preconditions']): string {
  if (!base_health_clean && !head_health_clean) return 'each of both runs';
  return base_health_clean ? 'the second run' : 'the first run';
}

/** Whether anything is on one side only. */
export function isDifferent({ surface, binding_ids, policy_outcomes }: DiffFacts): boolean {
  const sets = [...Object.values(surface), binding_ids];
  return policy_outcomes.changed.length > 0 || sets.some(({ added, removed }) => added.length + removed.length > 0);
}

const WIDTH = 80;
const MOST_ROWS = 40;
const MOST_CHARACTERS = 1000;

/** The text of `archive diff`: `-` is only in the first archive, `+` only in the second. At most 80 characters a line. */
export function describeDiff(diff: DiffFacts): string {
  const head = [
    `first   ${diff.base_run_id}`,
    `second  ${diff.head_run_id}`,
    ...wrapped('status  ', `${diff.status}: ${diffStatusText(diff)}`),
  ];
  const sets = DIFF_SETS.map(([name, title]) => describeSet(title, diff.surface[name]));
  const changed = diff.policy_outcomes.changed.flatMap(({ tool_call_id, base, head: after }) =>
    wrapped('  ~ ', `${tool_call_id}: ${base ?? 'no decision'}, then ${after ?? 'no decision'}`),
  );
  const outcomes = changed.length === 0 ? [] : [['decided otherwise', ...changed]];
  return [head, ...sets, describeSet('tool calls', diff.binding_ids), ...outcomes]
    .map((lines) => lines.map((line) => `${line}\n`).join(''))
    .join('\n');
}

function describeSet(title: string, { added, removed, unchanged }: SetDiffFacts): readonly string[] {
  const counts = `${title}: ${removed.length} gone, ${added.length} new, ${unchanged.length} in both`;
  return [counts, ...rows('  - ', removed), ...rows('  + ', added)];
}

function rows(mark: string, values: readonly string[]): readonly string[] {
  const left = values.length - MOST_ROWS;
  const shown = values.slice(0, MOST_ROWS).flatMap((value) => wrapped(mark, value));
  return left > 0 ? [...shown, `${mark}... and ${left} more`] : shown;
}

function wrapped(mark: string, text: string): readonly string[] {
  return wrap(printable(truncate(text, MOST_CHARACTERS)), WIDTH - mark.length).map(
    (line, index) => (index === 0 ? mark : ' '.repeat(mark.length)) + line,
  );
}
