import { printable } from '../core/printable.ts';
import { formatAnnotation, formatMarkdownTable } from './github-actions.ts';

/** What a summary says of a check. */
export interface CheckSummary {
  readonly tool: string;
  readonly rules: readonly Omit<CheckRule, 'file'>[];
  /** What a reviewer should look at. */
  readonly notices?: readonly CheckNotice[];
  readonly verdict: 'ok' | 'failed';
  readonly build: { readonly needed: boolean; readonly reason: string };
}

/** What people are told about a check. */
export interface CheckFacts extends CheckSummary {
  readonly base: { readonly ref: string; readonly mergeBase: string };
  readonly head: { readonly commit: string; readonly uncommitted: boolean };
  readonly rules: readonly CheckRule[];
  readonly fixes: readonly { readonly file: string; readonly what: string }[];
}

/** A setting that is another than on the base. */
export interface CheckNotice {
  readonly message: string;
}

/** How one rule came out. */
export interface CheckRule {
  readonly rule: string;
  readonly store: string | null;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly message: string;
  readonly todo: string | null;
  readonly file: string | null;
}

const SHORT = 12;
const OUTCOMES = { ok: 'ok', failed: 'FAILED', skipped: 'skipped' } as const;

/** The text of `check`: one line a rule, with what to do. Names of the repository are made printable. */
export function describeCheck(check: CheckFacts): string {
  const fixes = check.fixes.map(({ file, what }) => `fixed    ${printable(`${file}: ${what}`)}\n`);
  const rules = check.rules.map((rule) => `${OUTCOMES[rule.outcome].padEnd(9)}${ruleText(rule)}\n`);
  const notices = noticesOf(check).map((notice) => `notice   ${notice}\n`);
  const end = `build: ${buildText(check)}\n${verdictText(check)}\n`;
  return [`${headline(check)}\n`, ...fixes, ...rules, ...notices, end].join('');
}

function headline({ tool, base, head }: CheckFacts): string {
  const now = `${head.commit.slice(0, SHORT)}${head.uncommitted ? ' and what is not committed' : ''}`;
  return printable(`${tool}: ${now}, since ${base.mergeBase.slice(0, SHORT)} of ${base.ref}`);
}

function ruleText({ rule, store, message, todo }: CheckRule): string {
  const subject = store === null ? rule : `${rule} ${store}`;
  return printable(`${subject}: ${message}${todo === null ? '' : `. To do: ${todo}`}`);
}

function noticesOf({ notices = [] }: CheckSummary): readonly string[] {
  return notices.map(({ message }) => printable(message));
}

function buildText({ build }: CheckSummary): string {
  return printable(`${build.needed ? 'yes' : 'no'}, ${build.reason}`);
}

function verdictText({ rules, verdict }: CheckSummary): string {
  const failed = rules.filter(({ outcome }) => outcome === 'failed').length;
  return verdict === 'ok'
    ? 'The merge gate is open.'
    : `The merge gate is closed: ${failed} of ${rules.length} rules failed.`;
}

/** A workflow command for each rule that failed, and for each setting that a reviewer should look at. */
export function annotateCheck(check: CheckFacts): readonly string[] {
  const title = printable(`${check.tool}: toolcrib.json`);
  const notices = noticesOf(check).map((message) => formatAnnotation({ level: 'warning', title, message }));
  return [...annotateRules(check), ...notices];
}

function annotateRules({ tool, rules }: CheckFacts): readonly string[] {
  return rules.flatMap(({ rule, store, outcome, message, todo, file }) => {
    if (outcome !== 'failed') return [];
    const title = `${tool}: ${store === null ? rule : `${rule} ${store}`}`;
    const text = `${message}${todo === null ? '' : `. To do: ${todo}`}`;
    const place = file === null ? {} : { file, line: 1 };
    return [formatAnnotation({ level: 'error', ...place, title: printable(title), message: printable(text) })];
  });
}

/** The Markdown of `check` for a step summary. */
export function summarizeCheck(check: CheckSummary): string {
  const { tool, rules } = check;
  const rows = rules.map(({ rule, store, outcome, message, todo }) => [
    OUTCOMES[outcome],
    store === null ? rule : `${rule} ${store}`,
    message,
    todo ?? '',
  ]);
  const table = formatMarkdownTable(
    ['', 'rule', 'what was found', 'to do'],
    rows.map((row) => row.map(printable)),
  );
  const notices = noticesOf(check);
  const others =
    notices.length === 0
      ? ''
      : `${formatMarkdownTable(
          ['to review'],
          notices.map((notice) => [notice]),
        )}\n`;
  return `### ${tool}: merge gate\n\n${verdictText(check)}\n\n${table}\n${others}${formatMarkdownTable(
    ['build', 'why'],
    [[check.build.needed ? 'yes' : 'no', printable(check.build.reason)]],
  )}\n`;
}
