import { posix } from 'node:path';

/** `:(top,exclude)x`: words of magic. */
const LONG = /^:\((?<words>[^)]*)\)(?<pattern>[^]*)$/;
/** `:/!x`: signs of magic, which a colon may end. */
const SHORT = /^:(?<signs>[/!^]*)(?::(?=[^]))?(?<pattern>[^]*)$/;
const WORDS: Readonly<Record<string, string>> = { '/': 'top', '!': 'exclude', '^': 'exclude' };

/**
 * A git pathspec that is relative to a folder, as one that means the same from everywhere (gitglossary(7), "pathspec"):
 * the folder may not be there any more.
 * @param folder from the top of the repository, with `/`; '' for the top.
 */
export function rebasePathspec(pathspec: string, folder: string): string {
  const { words, pattern } = parsePathspec(pathspec);
  // Git takes ":/." for a name, not for the top.
  const path = words.includes('top') ? pattern : joined(folder, pattern);
  return `:(${['top', ...words.filter((word) => word !== 'top')].join(',')})${path}`;
}

function joined(folder: string, pattern: string): string {
  const path = posix.join(folder, pattern);
  return path === '.' || path === './' ? '' : path;
}

function parsePathspec(pathspec: string): { readonly words: readonly string[]; readonly pattern: string } {
  const long = LONG.exec(pathspec)?.groups;
  const short = long === undefined ? SHORT.exec(pathspec)?.groups : undefined;
  const { words, pattern = pathspec } = long ?? short ?? {};
  if (words !== undefined) return { words: words.split(',').filter((word) => word !== ''), pattern };
  return { words: Array.from(short?.['signs'] ?? '', (sign) => WORDS[sign] ?? ''), pattern };
}
