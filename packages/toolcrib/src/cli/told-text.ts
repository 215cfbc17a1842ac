import { printableLines } from '../core/printable.ts';
import { withoutCommands } from '../report/github-actions.ts';

/** Who reads along. */
export interface Listener {
  /** True where a runner of GitHub Actions acts upon what it reads. */
  readonly onRunner?: boolean;
}

/**
 * What is told on stderr, whoever wrote parts of it: nothing acts upon the terminal or the runner, and a line that is not
 * the first one stands so far to the right that nobody takes it for a message or a hint of ours.
 */
export function toldText(text: string, { onRunner = false }: Listener): string {
  const shown = printableLines(text).replaceAll(/\n(?! {4})/g, '\n    ');
  return onRunner ? withoutCommands(shown) : shown;
}
