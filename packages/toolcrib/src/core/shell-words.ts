import { UsageError } from './errors.ts';

/** Blanks between words, as a shell's default separators. */
const BLANK = /[ \t\n]/;
/** After a backslash in double quotes, only these lose their meaning; before anything else it stays. POSIX 2.2.3. */
const ESCAPED_IN_DOUBLE = /["\\$`]/;

/**
 * Splits a command line into words as a POSIX shell does, with its quotes and backslashes, and without everything else
 * that a shell does: no variable, wildcard, `~`, `|` or `;` has a meaning. POSIX 2.2.
 * @throws UsageError `REFERENCE_INVALID` for a quote that is not closed, or a backslash at the end.
 */
export function splitShellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (BLANK.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const part = readPart(text, at);
    word = (word ?? '') + part.value;
    at = part.last;
  }
  if (word !== undefined) words.push(word);
  return words;
}

interface WordPart {
  readonly value: string;
  /** Index of its last character. */
  readonly last: number;
}

function readPart(text: string, at: number): WordPart {
  const char = text.charAt(at);
  if (char === "'") return readSingle(text, at);
  if (char === '"') return readDouble(text, at);
  if (char !== '\\') return { value: char, last: at };
  if (at + 1 === text.length) throw unfinished('a backslash at its end');
  const next = text.charAt(at + 1);
  return { value: next === '\n' ? '' : next, last: at + 1 };
}

function readSingle(text: string, at: number): WordPart {
  const end = text.indexOf("'", at + 1);
  if (end < 0) throw unfinished("a ' that is not closed");
  return { value: text.slice(at + 1, end), last: end };
}

function readDouble(text: string, at: number): WordPart {
  let value = '';
  for (let index = at + 1; index < text.length; index++) {
    const char = text.charAt(index);
    if (char === '"') return { value, last: index };
    const next = text.charAt(index + 1);
    if (char === '\\' && next === '\n') index += 1;
    else if (char === '\\' && ESCAPED_IN_DOUBLE.test(next)) {
      value += next;
      index += 1;
    } else value += char;
  }
  throw unfinished('a " that is not closed');
}

function unfinished(what: string): UsageError {
  return new UsageError('REFERENCE_INVALID', `the command line has ${what}`, {
    hint: 'words are split as by a shell, with its quotes and backslashes',
  });
}

/** A word as a POSIX shell reads it back unchanged, whatever is in it. */
export function quoteShellWord(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
