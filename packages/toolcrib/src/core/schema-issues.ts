import { printable } from './printable.ts';

/** What a schema found wrong, as zod tells it. */
interface SchemaError {
  readonly issues: readonly { readonly message: string; readonly path: readonly PropertyKey[] }[];
}

const MAX_ISSUES = 3;

/**
 * What is wrong with a document, on one line that is fit to be shown, e.g. `payloadType is missing`: at most three things,
 * each with its path.
 */
export function describeIssues({ issues }: SchemaError): string {
  const told = issues
    .slice(0, MAX_ISSUES)
    .map(({ message, path }) => describeIssue(path.map(String).join('.'), message));
  const rest = issues.length - told.length;
  return printable([...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; '));
}

function describeIssue(path: string, message: string): string {
  const what = message.replace(/^Invalid input: /, '');
  if (path === '') return what;
  return what.endsWith('received undefined') ? `${path} is missing` : `${path}: ${what}`;
}
