/** A git pathspec, taken apart (gitglossary(7), "pathspec"). */
export interface Pathspec {
  /** Words of magic, e.g. `top`; signs such as `!` are their words. */
  readonly words: readonly string[];
  /** What is left when the magic is taken away. */
  readonly pattern: string;
}

/** `:(top,exclude)x`: words of magic. */
const LONG = /^:\((?<words>[^)]*)\)(?<pattern>[^]*)$/;
/** `:/!x`: signs of magic, which a colon may end. */
const SHORT = /^:(?<signs>[/!^]*)(?::(?=[^]))?(?<pattern>[^]*)$/;
const WORDS: Readonly<Record<string, string>> = { '/': 'top', '!': 'exclude', '^': 'exclude' };

/** Reads a pathspec as git does; one that git would refuse is read as if it were a name. */
export function parsePathspec(pathspec: string): Pathspec {
  const long = LONG.exec(pathspec)?.groups;
  const short = long === undefined ? SHORT.exec(pathspec)?.groups : undefined;
  const { words, pattern = pathspec } = long ?? short ?? {};
  if (words !== undefined) return { words: words.split(',').filter((word) => word !== ''), pattern };
  return { words: Array.from(short?.['signs'] ?? '', (sign) => WORDS[sign] ?? ''), pattern };
}

/** The pathspec of exactly one path, whatever is in its name and wherever git is asked. @param path from the top, with `/`. */
export function literalPathspec(path: string): string {
  return `:(top,literal)${path}`;
}

/** Magic whose meaning is in the pathspec alone. */
const PLAIN_MAGIC: readonly string[] = ['top', 'exclude', 'glob', 'literal', 'icase'];

/**
 * Why a pathspec does not say by itself which paths it means; undefined when it does. `attr` asks the `.gitattributes`
 * of whatever is checked out, so that a change could say of its own files what they are; `prefix` is git's own.
 */
export function unsteadyMagic(pathspec: string): string | undefined {
  if (pathspec.startsWith(':(') && !LONG.test(pathspec)) return 'has magic without an end: ) is missing';
  const word = parsePathspec(pathspec).words.find((each) => !PLAIN_MAGIC.includes(each));
  if (word === undefined) return undefined;
  return word.startsWith('attr:')
    ? 'goes by attributes, which every change can give its own files: name the paths, or leave some out with :(exclude) or :(exclude,glob)'
    : `has the magic ${JSON.stringify(word)}, allowed: ${PLAIN_MAGIC.join(', ')}`;
}
