import type { FileAccount, PathUse } from '../../core/archive-account.ts';
import { markup, type Markup } from './markup.ts';

interface Folder {
  readonly name: string;
  readonly folders: Map<string, Folder>;
  readonly files: FileAccount[];
  /** Files in it and below. */
  total: number;
  written: number;
}

/** Deeper folders are told as a part of their files' names. */
const MOST_DEEP = 24;
/** Folders of at most so many files are open at first. */
const OPEN_FILES = 12;
const OPEN_WHEN_WRITTEN = 300;

/** What is known: that a file was opened for writing, not that something was written. */
export const USE_WORDS: Readonly<Record<PathUse, string>> = {
  written: 'for writing',
  opened: 'opened',
  failed: 'not opened',
  blocked: 'blocked',
};

/** Files as folders within folders; a folder with one folder and nothing else is told with it. */
export function renderTree(files: readonly FileAccount[]): Markup {
  const absolute = newFolder('');
  const relative = newFolder('as given, relative to wherever the program was');
  for (const file of files) insert(file.path.startsWith('/') ? absolute : relative, file);
  const rest = relative.total === 0 ? [] : [renderFolder(relative)];
  return markup`<ul class="tree">${renderInside(absolute)}${rest}</ul>`;
}

function newFolder(name: string): Folder {
  return { name, folders: new Map(), files: [], total: 0, written: 0 };
}

function insert(root: Folder, file: FileAccount): void {
  let folder = root;
  let at = 0;
  note(folder, file);
  for (let depth = 0; depth < MOST_DEEP; depth++) {
    const slash = file.path.indexOf('/', at);
    if (slash < 0) break;
    const name = file.path.slice(at, slash + 1);
    const inner = folder.folders.get(name) ?? newFolder(name);
    folder.folders.set(name, inner);
    note(inner, file);
    folder = inner;
    at = slash + 1;
  }
  folder.files.push({ ...file, path: file.path.slice(at) });
}

function note(folder: Folder, file: FileAccount): void {
  folder.total += 1;
  if (file.use === 'written') folder.written += 1;
}

function renderInside({ folders, files }: Folder): readonly Markup[] {
  const inner = [...folders.values()].sort((a, b) => (a.name < b.name ? -1 : 1)).map(renderFolder);
  const own = [...files].sort((a, b) => (a.path < b.path ? -1 : 1)).map(renderFile);
  return [...inner, ...own];
}

function renderFolder(folder: Folder): Markup {
  let [name, shown] = [folder.name, folder];
  // The root says where everything begins: it stands for itself.
  while (name !== '/') {
    const [only, second] = shown.folders.values();
    if (only === undefined || second !== undefined || shown.files.length > 0) break;
    [name, shown] = [name + only.name, only];
  }
  // What was written is what a reader looks for first.
  const isOpen = shown.total <= OPEN_FILES || (shown.written > 0 && shown.total <= OPEN_WHEN_WRITTEN) || name === '/';
  const written = shown.written === 0 ? '' : markup`, <b class="use-written">${shown.written} for writing</b>`;
  return markup`<li><details${isOpen ? markup` open` : ''}><summary><code>${name}</code> <small>${shown.total}${written}</small></summary><ul>${renderInside(shown)}</ul></details></li>`;
}

function renderFile({ path, use, opens, failed }: FileAccount): Markup {
  const fails = failed > 0 && use !== 'failed' ? `, ${failed} failed` : '';
  return markup`<li data-row><code>${path === '' ? './' : path}</code> <span class="use use-${use}">${USE_WORDS[use]}</span> <small>${opens}&times;${fails}</small></li>`;
}
