/** The caller asked for an edit that cannot be done; the message says what to do instead. */
export class EditError extends Error {
  override readonly name = 'EditError';
}

/** An edited text, and the line (from 1) at which the edit begins. */
export interface Edited {
  readonly text: string;
  readonly line: number;
  /** How many lines the edit put in. */
  readonly count: number;
}

/** Characters that a view shows at most. */
const viewLimit = 131_072;

/** The lines of a text; a final newline does not begin another line. */
function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Replaces the one occurrence of a string.
 *
 * @throws {EditError} when it occurs never or more than once; the message has the line numbers.
 */
export function replaceOnce(text: string, old: string, replacement: string): Edited {
  if (old === '') throw new EditError('old_str is empty. Give the text to replace, or use insert.');
  const places = occurrences(text, old);
  const [at] = places;
  if (at === undefined)
    throw new EditError('old_str does not occur in the file. View it and copy the text exactly, with its white space.');
  if (places.length > 1) {
    const lines = places.slice(0, 20).map((place) => lineAt(text, place));
    const more = places.length > lines.length ? ' and more' : '';
    throw new EditError(
      `old_str occurs ${places.length} times, in lines ${lines.join(', ')}${more}. Add lines around it until it is unique.`,
    );
  }
  const changed = text.slice(0, at) + replacement + text.slice(at + old.length);
  return { text: changed, line: lineAt(text, at), count: Math.max(1, linesOf(replacement).length) };
}

/**
 * Inserts whole lines after line `after` (0: before the first).
 *
 * @throws {EditError} when the text has fewer lines.
 */
export function insertLines(text: string, after: number, inserted: string): Edited {
  const lines = linesOf(text);
  if (after > lines.length)
    throw new EditError(`insert_line is ${after}, but the file has ${lines.length} lines. Give 0 to ${lines.length}.`);
  const added = inserted === '' ? [''] : linesOf(inserted);
  const final = text === '' || text.endsWith('\n') ? '\n' : '';
  return { text: lines.toSpliced(after, 0, ...added).join('\n') + final, line: after + 1, count: added.length };
}

/**
 * Shows a text with line numbers (`cat -n`), whole or `[first, last]`; `last` -1 is the end.
 *
 * @throws {EditError} when the range is not in the text.
 */
export function viewLines(text: string, range?: readonly [number, number]): string {
  const lines = linesOf(text);
  if (range === undefined) return numbered(lines, 1);
  const [first, end] = range;
  const last = end === -1 ? lines.length : end;
  if (first < 1 || first > Math.max(1, lines.length) || last < first - (lines.length === 0 ? 1 : 0))
    throw new EditError(
      `view_range [${first}, ${end}] is not in the file, which has ${lines.length} lines. Give [FIRST, LAST] from 1, LAST -1 for the end.`,
    );
  return numbered(lines.slice(first - 1, last), first);
}

/** The lines around an edit, with their numbers. */
export function viewEdit({ text, line, count }: Edited): string {
  const first = Math.max(1, line - 3);
  return numbered(linesOf(text).slice(first - 1, line + Math.min(count, 200) + 3), first);
}

function numbered(lines: readonly string[], first: number): string {
  const shown: string[] = [];
  let size = 0;
  for (const [index, line] of lines.entries()) {
    const row = `${String(first + index).padStart(6)}\t${line}`;
    size += row.length + 1;
    if (size > viewLimit) {
      const last = first + lines.length - 1;
      const cut = shown.length === 0 ? `${row.slice(0, viewLimit)}\n[… the rest of line ${first} is cut …]\n` : '';
      const next = first + index + (shown.length === 0 ? 1 : 0);
      return `${shown.join('\n')}${cut}\n[… lines ${next} to ${last} are not shown; use view_range …]`;
    }
    shown.push(row);
  }
  return shown.length === 0 ? '[the file is empty]' : shown.join('\n');
}

function occurrences(text: string, wanted: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) places.push(at);
  return places;
}

function lineAt(text: string, place: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < place; at = text.indexOf('\n', at + 1)) line++;
  return line;
}
