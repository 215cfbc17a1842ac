import { ToolcribError, messageOf } from '../core/errors.ts';
import { printableJson, printableLines } from '../core/printable.ts';
import { withoutCommands } from '../report/github-actions.ts';
import { toldText, type Listener } from './told-text.ts';

/** Where a command's words go: data to stdout, talk to stderr. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** The command's result: one JSON document with `--json`, else the text. */
  result(value: unknown, text: string): void;
  /**
   * As `result`, of a command that was run for what it does: its text is not for who wants quiet, unless something went
   * wrong that it tells.
   */
  report(value: unknown, text: string, wentWell?: boolean): void;
  /** A message for the person in front of the terminal. */
  say(text: string): void;
  /** A command to the runner of GitHub Actions, as `formatAnnotation` writes it; for nobody else. */
  command(text: string): void;
  /** What went wrong, once, at the end. */
  fail(error: unknown): void;
}

export interface Streams {
  readonly stdout: { write(text: string): unknown; readonly isTTY?: boolean };
  readonly stderr: { write(text: string): unknown };
}

/** What is told may hold words of strangers; here, once, it becomes text that does nothing. */
export function createOutput(streams: Streams, options: { json: boolean; quiet: boolean } & Listener): Output {
  const { json, quiet, onRunner = false } = options;
  // A program that reads stdout gets the bytes that were meant, e.g. of a path.
  const seen = (text: string): string => (streams.stdout.isTTY === true ? printableLines(text) : text);
  const shown = (text: string): string => (onRunner ? withoutCommands(seen(text)) : seen(text));
  const result = (value: unknown, text: string): void => {
    if (json) streams.stdout.write(`${formatDocument(value)}\n`);
    else if (text !== '') streams.stdout.write(shown(text.endsWith('\n') ? text : `${text}\n`));
  };
  return {
    json,
    quiet,
    result,
    report: (value, text, wentWell = true) => result(value, quiet && wentWell ? '' : text),
    say(text) {
      if (!quiet) streams.stderr.write(`${toldText(text, options)}\n`);
    },
    command(text) {
      if (onRunner && !quiet) streams.stderr.write(`${text}\n`);
    },
    fail(error) {
      if (json) streams.stdout.write(`${formatDocument(errorDocument(error))}\n`);
      else streams.stderr.write(errorText(error, options));
    },
  };
}

/**
 * JSON on one line. In a log of GitHub Actions `##[` begins a command wherever it stands, also in a name that a pull
 * request made up, and terminals act upon more than JSON has to escape: escapes say the same.
 */
function formatDocument(value: unknown): string {
  return printableJson(JSON.stringify(value)).replaceAll('##[', String.raw`\u0023#[`);
}

/** `{"error":{"code","message","hint","details"}}`, the document of a failure. */
export function errorDocument(error: unknown): { error: Record<string, unknown> } {
  if (error instanceof ToolcribError) {
    const { code, message, hint, details } = error;
    return { error: { code, message, hint: hint ?? null, details } };
  }
  return { error: { code: 'BUG', message: messageOf(error), hint: REPORT_IT, details: { stack: stackOf(error) } } };
}

const REPORT_IT = 'this is a bug in toolcrib: please report it with the stack';

function errorText(error: unknown, listener: Listener): string {
  if (!(error instanceof ToolcribError)) return `toolcrib: ${REPORT_IT}\n${toldText(stackOf(error), listener)}\n`;
  const hint = error.hint === undefined ? '' : `  hint: ${toldText(error.hint, listener)}\n`;
  return `toolcrib: ${toldText(error.message, listener)}\n${hint}`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
