import { printable } from '../core/printable.ts';
import { summarizeCheck, type CheckSummary } from './check-text.ts';
import { plainMarkdown } from './github-actions.ts';

/** What the jobs at the end of the build workflow tell. */
export interface BuildReportFacts {
  readonly tool: string;
  /** Null when the version file holds none. */
  readonly version: number | null;
  readonly state: 'none' | 'built' | 'failed';
  readonly run: { readonly id: number; readonly url: string } | null;
  /** With the architecture in the name. */
  readonly failed: readonly { readonly name: string; readonly url: string | undefined }[];
  /** Null when the gate itself could not be asked. */
  readonly check: CheckSummary | null;
  /** Why not, or null. */
  readonly problem: string | null;
  readonly passed: boolean;
}

/** What a comment begins with, so that the next one takes its place. */
export function commentMarker(tool: string): string {
  return `<!-- toolcrib: build report of ${tool} -->`;
}

/** The Markdown of the comment and of the step summary. */
export function describeBuildReport(facts: BuildReportFacts): string {
  const { tool, version, check, problem } = facts;
  const parts = [
    `### ${facts.passed ? '✅' : '❌'} ${tool}${version === null ? '' : ` v${version}`}: ${headline(facts)}`,
    ...failures(facts),
    ...nextSteps(facts),
    ...(problem === null ? [] : [`The merge gate could not be asked: ${plainMarkdown(printable(problem))}`]),
    ...(check === null ? [] : [`<details><summary>Merge gate</summary>\n\n${summarizeCheck(check)}\n</details>`]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function headline({ state, run, check }: BuildReportFacts): string {
  const words = { none: 'nothing had to be built', built: 'built', failed: 'the build failed' }[state];
  const gate = check === null ? '' : `, the merge gate is ${check.verdict === 'ok' ? 'open' : 'closed'}`;
  return `${words}${gate}${run === null ? '' : ` ([run ${run.id}](${run.url}))`}`;
}

function failures({ failed }: BuildReportFacts): readonly string[] {
  if (failed.length === 0) return [];
  return [
    failed
      .map(({ name, url }) => {
        const text = plainMarkdown(printable(name));
        return `- **${text}** failed${url === undefined ? '' : `: [log](${url})`}`;
      })
      .join('\n'),
  ];
}

function nextSteps({ state, run, check }: BuildReportFacts): readonly string[] {
  if (state !== 'built' || run === null) return [];
  const pinned = check?.rules.some(({ rule, outcome }) => rule === 'sums' && outcome === 'ok') === true;
  const steps = [
    ...(pinned
      ? []
      : [
          `As the last commit, bring the sums that this run computed: \`toolcrib fetch --run ${run.id} --sums\`, or apply the patch among its [artifacts](${run.url}#artifacts). That push is not built again.`,
        ]),
    'Have the last commit approved. A maintainer then promotes this pull request: the artifacts are attested and published.',
    'Re-run the failed job of the last run: it looks again whether the release is there.',
  ];
  return [
    `The [artifacts](${run.url}#artifacts) can be tried out for 90 days. They are **not attested**: that comes with the promotion.`,
    steps.map((step, index) => `${index + 1}. ${step}`).join('\n'),
  ];
}

/** What the step summary says where no comment could be written. */
export function describeDenied(reason: string): string {
  return `No comment could be written: the token of this run may not, as for every pull request of a fork. What was built is **not attested**, and artifacts of a fork are never promoted: a maintainer builds them again.\n\n${plainMarkdown(printable(reason))}\n`;
}
