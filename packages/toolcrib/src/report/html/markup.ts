import { printable } from '../../core/printable.ts';
import { escapeHtml } from '../escape-html.ts';

/** Text that is HTML already. Only {@link markup} makes it from other than constants. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Markup | readonly Part[] | undefined;

/**
 * A template of HTML: what is put in is text, whatever it holds, and does nothing; it stays text within quoted attributes
 * too, and is cut where it is longer than any path. {@link Markup}, and lists of it, are put in as they are; undefined is
 * nothing.
 */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(strings.map((text, index) => text + (index < parts.length ? textOf(parts[index]) : '')).join(''));
}

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  if (typeof part === 'string') return shownText(part);
  return typeof part === 'number' ? String(part) : part.map(textOf).join('');
}

/** The longest path that Linux takes, in characters; what is longer is a hostile archive's. */
const LONGEST = 4096;

/** What hides, turns text around or acts upon a terminal is shown as an escape. */
function shownText(text: string): string {
  const shown = text.length > LONGEST ? `${text.slice(0, LONGEST)} ... (${text.length - LONGEST} more)` : text;
  return escapeHtml(printable(shown));
}
