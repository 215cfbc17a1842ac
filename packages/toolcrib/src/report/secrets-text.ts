import { printable } from '../core/printable.ts';
import { formatTable } from './table.ts';

/** What an extension's tools need, as far as it is told. */
interface SecretsFacts {
  readonly extension: string;
  readonly secrets: readonly {
    readonly key: string;
    readonly required: boolean;
    readonly description: string | null;
    readonly format: string | null;
  }[];
}

const COLUMNS = [
  { title: 'EXTENSION' },
  { title: 'KEY' },
  { title: 'REQUIRED' },
  { title: 'FORMAT' },
  { title: 'DESCRIPTION', ownLine: true },
];

/** @param options.width of the terminal; 80 where there is none. */
export function describeSecrets(extensions: readonly SecretsFacts[], { width = 80 }: { width?: number } = {}): string {
  const rows = extensions.flatMap(({ extension, secrets }) =>
    secrets.map(({ key, required, format, description }) => [
      extension,
      key,
      required ? 'yes' : 'no',
      format ?? '',
      description ?? '',
    ]),
  );
  return rows.length === 0 ? 'The tools in use need no secrets.\n' : formatTable(COLUMNS, rows, { width });
}

/** What a shell and every reader of `.env` files take for a name. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Enough of somebody else's words to know what is meant. */
const MAX_LINES = 20;

/**
 * A template of a `.env` file: no values, what is not required is commented out. Whatever an extension says of a secret
 * stands in comments of one line each, so that a shell that reads the file runs nothing of it.
 */
export function formatEnvTemplate(extensions: readonly SecretsFacts[]): string {
  const keys = new Map<string, { required: boolean; comments: string[] }>();
  for (const { extension, secrets } of extensions) {
    for (const { key, required, description, format } of secrets) {
      const known = keys.get(key) ?? { required: false, comments: [] };
      known.required ||= required;
      known.comments.push(
        ...(description === null ? [] : commentLines(description)),
        ...(format === null ? [] : [`format: ${printable(format)}`]),
        `${required ? 'required' : 'not required'} by ${printable(extension)}`,
      );
      keys.set(key, known);
    }
  }
  const blocks = [...keys].map(([key, { required, comments }]) => {
    const told = comments.map((line) => `# ${line}`.trimEnd());
    if (!NAME.test(key)) return [...told, `# not a name of a variable: ${printable(key)}`];
    return [...told, required ? `${key}=` : `#${key}=`];
  });
  return blocks.map((lines) => `${lines.join('\n')}\n`).join('\n');
}

function commentLines(text: string): readonly string[] {
  return text
    .trim()
    .split(/\r\n|[\r\n]/, MAX_LINES)
    .map(printable);
}
