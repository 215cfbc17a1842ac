import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { hasCode, isSystemError } from '../core/errors.ts';
import { fieldOf, jsonFrom, textOf } from '../core/json-fields.ts';
import { readSmallText } from '../disk/small-file.ts';
import { displayUrl } from '../transfer/display-url.ts';

/** A project that lies in a folder of installed packages. */
export interface InstalledPackage {
  /** The innermost such folder; absolute. */
  readonly packages: string;
  /** The project's folder, absolute, without links. */
  readonly folder: string;
}

const NPM = 'node_modules';
/** Of pip; Debian's Python calls it `dist-packages`. */
const PYTHON = ['site-packages', 'dist-packages'];

/** Limits of what package managers write, in bytes: generous, for a lock file names every package. */
const MAX_METADATA_BYTES = 64 * 1024 * 1024;

/**
 * Whether a project was installed as a package.
 * @param folder absolute, links resolved: a linked package (`npm link`, a workspace) is where it really is.
 */
export function installedPackage(folder: string): InstalledPackage | undefined {
  const parts = folder.split(sep);
  const index = parts.findLastIndex((part) => part === NPM || PYTHON.includes(part));
  if (index < 0 || index === parts.length - 1) return undefined;
  return { packages: parts.slice(0, index + 1).join(sep), folder };
}

/**
 * The reference to a git repository that a package was installed from, as its manager wrote it down: npm's hidden lock
 * file or `_resolved`, or the `direct_url.json` beside what pip installed (PEP 610).
 * @returns undefined for a package from a registry, and where nobody wrote anything down.
 */
export async function gitReferenceOf(installed: InstalledPackage): Promise<string | undefined> {
  const isPython = PYTHON.some((name) => installed.packages.endsWith(`${sep}${name}`));
  return isPython ? await pipReference(installed) : await npmReference(installed);
}

async function npmReference({ packages, folder }: InstalledPackage): Promise<string | undefined> {
  const root = join(packages, packageName(relative(packages, folder)));
  const manifest = await readJson(join(root, 'package.json'));
  const resolved = textOf(manifest, '_resolved') || (await lockedReference(root));
  return resolved !== undefined && /^git[+:]/.test(resolved) ? shownReference(resolved) : undefined;
}

/** `@scope/name` or `name`. */
function packageName(path: string): string {
  const parts = path.split(sep);
  return parts.slice(0, parts[0]?.startsWith('@') === true ? 2 : 1).join(sep);
}

/** npm writes one hidden lock file into the outermost `node_modules`; its keys are paths from the folder of that. */
async function lockedReference(root: string): Promise<string | undefined> {
  const parts = root.split(sep);
  for (const [index, part] of parts.entries()) {
    if (part !== NPM) continue;
    const project = parts.slice(0, index).join(sep);
    const lock = await readJson(join(project, NPM, '.package-lock.json'));
    const entry = fieldOf(lock, 'packages', relative(project, root).split(sep).join('/'));
    if (entry !== undefined) return textOf(entry, 'resolved');
  }
  return undefined;
}

async function pipReference({ packages, folder }: InstalledPackage): Promise<string | undefined> {
  const owned = `${relative(packages, folder).split(sep).join('/')}/`;
  for (const name of await listed(packages)) {
    if (!name.endsWith('.dist-info')) continue;
    const direct = await readJson(join(packages, name, 'direct_url.json'));
    const vcs = fieldOf(direct, 'vcs_info');
    if (vcs === undefined || !(await records(join(packages, name, 'RECORD'), owned))) continue;
    const commit = textOf(vcs, 'commit_id') ?? '';
    return shownReference(`${textOf(direct, 'url') ?? ''}#${commit}`);
  }
  return undefined;
}

/** Whether an installed distribution brought files of a folder: each line of RECORD begins with a path. */
async function records(path: string, folder: string): Promise<boolean> {
  const text = await readText(path);
  return text !== undefined && (text.startsWith(folder) || text.includes(`\n${folder}`));
}

async function listed(folder: string): Promise<readonly string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** Undefined for what is not there or is no JSON: it tells nothing. */
async function readJson(path: string): Promise<unknown> {
  return jsonFrom((await readText(path)) ?? '');
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await readSmallText(path, MAX_METADATA_BYTES);
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE', 'STORAGE')) return undefined;
    throw error;
  }
}

/** `git+https://TOKEN@host/…` is how tokens get into such files; of what npm writes after `#` the commit is kept. */
function shownReference(reference: string): string {
  const commit = /#([0-9a-f]{40,64})$/.exec(reference)?.[1];
  return `${displayUrl(reference)}${commit === undefined ? '' : `@${commit}`}`;
}
