import { describeVersion, type InjectionFacts } from './injection-text.ts';
import { formatTable, type TableOptions } from './table.ts';
import { wrapIndented } from './width.ts';

/** What a person is told about a sandbox that could not be served. */
export interface FailureFacts {
  readonly sandbox: string;
  readonly message: string;
  /** What to do about it. */
  readonly hint: string | undefined;
}

const SANDBOX = { title: 'SANDBOX', ownLine: true };
const VERSION = { title: 'VERSION' };
const COLUMNS = [
  { title: 'TARGET' },
  { title: 'HOW' },
  { title: 'PROTECTION' },
  { title: 'WHERE, OR WHY NOT', ownLine: true },
];

type Result = InjectionFacts | FailureFacts;

/** The text of `inject` of several sandboxes: a line for each, how many there are, and in full what failed. */
export function describeInjections(results: readonly Result[], options: TableOptions): string {
  const failures = results.filter((result) => 'message' in result);
  const versions = new Set(results.flatMap((result) => ('message' in result ? [] : [describeVersion(result)])));
  const counts = `${results.length - failures.length} of ${results.length} sandboxes have the tool, proven`;
  const table =
    versions.size > 1
      ? formatTable([SANDBOX, VERSION, ...COLUMNS], results.map(versionedRowOf), options)
      : formatTable([SANDBOX, ...COLUMNS], results.map(rowOf), options);
  return [...(versions.size > 1 ? [] : [...versions].map((version) => `${version}\n`)), table, `${counts}\n`]
    .concat(failures.map(describeFailure))
    .join('');
}

function versionedRowOf(result: Result): readonly string[] {
  const [sandbox = '', ...more] = rowOf(result);
  return [sandbox, 'message' in result ? '-' : describeVersion(result), ...more];
}

function rowOf(result: Result): readonly string[] {
  if ('message' in result) return [result.sandbox, '-', '-', '-', reasonOf(result)];
  const { sandbox, target, rung, protection, directory, reused } = result.placement;
  return [sandbox, target, reused ? 'was there' : rung, protection, directory];
}

/** Of what failed in several ways, the first line only says that it failed. */
function reasonOf({ message }: FailureFacts): string {
  const [first = '', second = ''] = message.split('\n');
  return first.endsWith(':') && second !== '' ? second.trim() : first;
}

const WIDTH = 80;
const INDENT = '  ';

/** What went wrong in one sandbox, and what to do about it. */
export function describeFailure({ sandbox, message, hint }: FailureFacts): string {
  const lines = message.split('\n').flatMap((line) => wrapIndented(line.trim(), WIDTH, INDENT));
  return [
    `\n${sandbox}:`,
    ...lines,
    ...(hint === undefined ? [] : wrapIndented(`hint: ${hint}`, WIDTH, INDENT)),
    '',
  ].join('\n');
}
