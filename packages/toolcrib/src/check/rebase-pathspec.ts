import { posix } from 'node:path';
import { parsePathspec } from '../git/pathspec.ts';

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
