/** What a job of GitHub Actions understands: workflow commands, outputs, Markdown of step summaries. */

/** True in a job of GitHub Actions. */
export function isActionsRunner(env: Readonly<Record<string, string | undefined>>): boolean {
  return env['GITHUB_ACTIONS'] === 'true';
}

/** A remark that GitHub shows beside a run, and beside a line of a file when it is about one. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  /** From the top of the repository. */
  readonly file?: string | undefined;
  /** From 1 on; only with a file. */
  readonly line?: number | undefined;
  readonly title?: string | undefined;
  readonly message: string;
}

/**
 * A workflow command, without a newline at its end. The runner takes it from stdout and from stderr alike (actions/runner,
 * `ScriptHandler.cs` gives both to the same reader), so that stdout may stay data. Escapes are those that its
 * `ActionCommand.cs` takes back.
 */
export function formatAnnotation({ level, file, line, title, message }: Annotation): string {
  const properties = [
    ...(file === undefined ? [] : [`file=${escapeProperty(file)}`]),
    ...(file === undefined || line === undefined ? [] : [`line=${line}`]),
    ...(title === undefined ? [] : [`title=${escapeProperty(title)}`]),
  ];
  return `::${level}${properties.length === 0 ? '' : ` ${properties.join(',')}`}::${escapeData(message)}`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/**
 * Text for a log of GitHub Actions in which nothing is a command: the runner acts upon lines that begin with `::` and,
 * wherever it stands, upon `##[`. A name in a pull request may have either.
 */
export function withoutCommands(text: string): string {
  return text.replaceAll('##[', String.raw`#\x23[`).replaceAll(/^(\s*):(?=:)/gm, String.raw`$1\x3a`);
}

/**
 * Lines for the file that `GITHUB_OUTPUT` names. A value of several lines stands between delimiters that it does not
 * contain.
 * @param outputs names of letters, digits, `-` and `_`.
 */
export function formatOutputs(outputs: Readonly<Record<string, string>>): string {
  return Object.entries(outputs)
    .map(([name, value]) => {
      if (!/[\r\n]/.test(value)) return `${name}=${value}\n`;
      const delimiter = freeDelimiter(value);
      return `${name}<<${delimiter}\n${value}\n${delimiter}\n`;
    })
    .join('');
}

function freeDelimiter(value: string): string {
  for (let number = 0; ; number += 1) {
    const delimiter = `toolcrib_end_${number}`;
    if (!value.includes(delimiter)) return delimiter;
  }
}

/** A table of GitHub's Markdown. Cells are plain text: nothing in them is markup, a link or a mention. */
export function formatMarkdownTable(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(plainMarkdown).join(' | ')} |\n`;
  return [line(titles), `|${titles.map(() => ' --- |').join('')}\n`, ...rows.map(line)].join('');
}

/** What GitHub makes a mention, a reference or a link of, up to where it may be broken. */
const LINKED = /[@#]|(?:https?|ftp):(?=\/\/)|www(?=\.)|(?<![a-z0-9])GH(?=-[0-9])/gi;
const NO_WIDTH = '\u200b';

/**
 * Text that Markdown shows as it is, on one line. Escapes are not enough: GitHub looks for mentions and references in what
 * they stand for (github/markup#1168), which a blank of no width breaks.
 */
export function plainMarkdown(text: string): string {
  return text
    .replaceAll(/[^\x20-\x7e]+/gu, ' ')
    .replaceAll(LINKED, `$&${NO_WIDTH}`)
    .replaceAll(/[&<>"'`*_~|#@[\]()!\\:$\u200b-]/g, (character) => `&#${character.codePointAt(0) ?? 0};`);
}
