import { ToolcribError, messageOf } from '../core/errors.ts';

/** Where a command's words go: data to stdout, talk to stderr. */
export interface Output {
  readonly json: boolean;
  readonly quiet: boolean;
  /** The command's result: one JSON document with `--json`, else the text. */
  result(value: unknown, text: string): void;
  /** A message for the person in front of the terminal. */
  say(text: string): void;
  /** What went wrong, once, at the end. */
  fail(error: unknown): void;
}

export interface Streams {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export function createOutput(streams: Streams, options: { json: boolean; quiet: boolean }): Output {
  const { json, quiet } = options;
  return {
    json,
    quiet,
    result(value, text) {
      if (json) streams.stdout.write(`${formatDocument(value)}\n`);
      else if (text !== '') streams.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
    },
    say(text) {
      if (!quiet) streams.stderr.write(`${text}\n`);
    },
    fail(error) {
      if (json) streams.stdout.write(`${formatDocument(errorDocument(error))}\n`);
      else streams.stderr.write(errorText(error));
    },
  };
}

/**
 * JSON on one line. In a log of GitHub Actions `##[` begins a command wherever it stands, also in a name that a pull
 * request made up: an escape says the same.
 */
function formatDocument(value: unknown): string {
  return JSON.stringify(value).replaceAll('##[', String.raw`\u0023#[`);
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

function errorText(error: unknown): string {
  if (!(error instanceof ToolcribError)) return `toolcrib: ${REPORT_IT}\n${stackOf(error)}\n`;
  const hint = error.hint === undefined ? '' : `  hint: ${error.hint}\n`;
  return `toolcrib: ${error.message}\n${hint}`;
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
