import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { InterruptedError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import type { BuildDialogue, BuildQuestion } from '../flows/local-builder.ts';

/** A person: what they type, and where they read. */
export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Never stdout, which is for data. */
  readonly output: Writable & { readonly isTTY?: boolean };
}

export interface PromptOptions {
  /** True: a program reads the answer. */
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Somebody to ask; undefined without a terminal on both sides, with `--json`, and in CI. */
export function dialogueOn(terminal: Terminal, { json, env }: PromptOptions): BuildDialogue | undefined {
  const { input, output } = terminal;
  if (input.isTTY !== true || output.isTTY !== true || json || env['CI'] === 'true') return undefined;
  return createBuildDialogue(terminal);
}

/** Asks on a terminal, once or until it understands the answer. The end of the input is a no. */
export function createBuildDialogue({ input, output }: Terminal): BuildDialogue {
  return {
    async ask(question, { signal }) {
      signal?.throwIfAborted();
      output.write(formatQuestion(question));
      const { defaultsToYes } = question;
      const lines = createInterface({ input, output, prompt: defaultsToYes ? '[Y/n] ' : '[y/N] ' });
      try {
        return await firstAnswer(lines, defaultsToYes, signal);
      } finally {
        lines.close();
      }
    },
    show: (bytes) => void output.write(bytes),
  };
}

function formatQuestion({ name, command, runs, folder }: BuildQuestion): string {
  const asked = [`Executable ${name} not found. Build locally?`, `  $ ${command}`, `  runs in ${folder}: ${runs}`];
  return asked.map((line) => `${printable(line)}\n`).join('');
}

/** @throws InterruptedError for Ctrl-C, which is a character here; the signal's reason. */
async function firstAnswer(
  lines: Interface,
  defaultsToYes: boolean,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const state = { closed: false, interrupted: false };
  const stop = (): void => lines.close();
  lines.once('close', () => (state.closed = true));
  lines.once('SIGINT', () => {
    state.interrupted = true;
    lines.close();
  });
  signal?.addEventListener('abort', stop, { once: true });
  try {
    lines.prompt();
    for await (const line of lines) {
      const answer = answerFrom(line, defaultsToYes);
      if (answer !== undefined) return answer;
      if (!state.closed) lines.prompt();
    }
  } finally {
    signal?.removeEventListener('abort', stop);
  }
  signal?.throwIfAborted();
  if (state.interrupted) throw new InterruptedError('interrupted by SIGINT');
  return false;
}

/** Undefined when it is neither yes nor no. */
function answerFrom(line: string, defaultsToYes: boolean): boolean | undefined {
  const answer = line.trim().toLowerCase();
  if (answer === '') return defaultsToYes;
  if (['y', 'yes'].includes(answer)) return true;
  return ['n', 'no'].includes(answer) ? false : undefined;
}
