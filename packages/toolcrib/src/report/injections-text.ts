import type { InjectionFacts } from './injection-text.ts';
import { formatTable, type TableOptions } from './table.ts';
import { wrap } from './width.ts';

/** What a person is told about a sandbox that could not be served. */
export interface FailureFacts {
  readonly sandbox: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | undefined;
}

const COLUMNS = [
  { title: 'SANDBOX' },
  { title: 'VERSION' },
  { title: 'TARGET' },
  { title: 'HOW' },
  { title: 'PROTECTION' },
  { title: 'WHERE, OR WHY NOT', shrink: true },
];

/** The text of `inject` of several sandboxes: a line for each, how many there are, and in full what failed. */
export function describeInjections(results: readonly (InjectionFacts | FailureFacts)[], options: TableOptions): string {
  const failures = results.filter((result) => 'message' in result);
  const counts = `${results.length - failures.length} of ${results.length} sandboxes have the tool, proven`;
  return [formatTable(COLUMNS, results.map(rowOf), options), `${counts}\n`, ...failures.map(describeFailure)].join('');
}

function rowOf(result: InjectionFacts | FailureFacts): readonly string[] {
  if ('message' in result) return [result.sandbox, '-', '-', '-', '-', result.message.split('\n')[0] ?? ''];
  const { sandbox, tool, version, target, rung, protection, directory, reused } = result.placement;
  return [sandbox, `${tool} v${version}`, target, reused ? 'was there' : rung, protection, directory];
}

const WIDTH = 80;
const INDENT = '  ';

/** What went wrong in one sandbox, and what to do about it. */
export function describeFailure({ sandbox, message, hint }: FailureFacts): string {
  const lines = message.split('\n').flatMap((line) => indented(line.trim()));
  return [`\n${sandbox}:`, ...lines, ...(hint === undefined ? [] : indented(`hint: ${hint}`)), ''].join('\n');
}

function indented(text: string): readonly string[] {
  return wrap(text, WIDTH - INDENT.length).map((line) => INDENT + line);
}
