import { lstat, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isSystemError, UsageError } from '../core/errors.ts';
import { onDisk } from '../disk/storage-error.ts';
import type { GitRepository } from '../git/repository.ts';

type Tree = Pick<GitRepository, 'folder' | 'prefix' | 'pathInTree' | 'absolutePath'>;

/**
 * Verifies that a file of the project really lies in the work tree, before anything of it is read or written: no folder
 * on the way to it is a link, which a pull request could have lead anywhere on the machine, and it is none of git's own.
 * What is in the file's place is not looked at: see {@link verifyIsFile}.
 * @param path absolute.
 * @throws UsageError `CONFIG_INVALID`; RemoteError `STORAGE`.
 */
export async function verifyPlace(path: string, repository: Tree): Promise<void> {
  const inTree = repository.pathInTree(path);
  if (inTree === undefined) throw refused(path, 'it is outside of the repository');
  const names = inTree.split('/');
  if (names.some((name) => name.toLowerCase() === '.git')) throw refused(path, "it is git's own");
  const top = await realTop(repository);
  for (let depth = 1; depth < names.length; depth += 1) {
    const folder = names.slice(0, depth).join('/');
    const kind = await kindOf(join(top, folder));
    if (kind === 'nothing') return;
    if (kind === 'link') throw refused(path, `${folder} is a link`);
  }
}

/**
 * Verifies that nothing but a file stands in a file's place: no link, and no pipe, whose reader would wait for ever.
 * @throws UsageError `CONFIG_INVALID`; RemoteError `STORAGE`.
 */
export async function verifyIsFile(path: string): Promise<void> {
  const kind = await kindOf(path);
  if (kind === 'link') throw refused(path, 'it is a link');
  if (kind === 'other') throw refused(path, 'it is not a regular file');
}

/** The top of the work tree without links. @throws UsageError `CONFIG_INVALID`. */
async function realTop(repository: Tree): Promise<string> {
  const { folder, prefix } = repository;
  const [top, real] = await onDisk('examine', folder, () =>
    Promise.all([realpath(repository.absolutePath('')), realpath(folder)]),
  );
  // Git counts from where the folder really is; one that is reached by a link is counted from elsewhere.
  if (resolve(top, prefix) !== real) throw refused(folder, 'a link leads there');
  return top;
}

async function kindOf(path: string): Promise<'nothing' | 'file' | 'link' | 'other'> {
  return await onDisk('examine', path, async () => {
    try {
      const stats = await lstat(path);
      if (stats.isSymbolicLink()) return 'link';
      return stats.isFile() ? 'file' : 'other';
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return 'nothing';
      throw error;
    }
  });
}

function refused(path: string, why: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${path} is no file of the work tree: ${why}`, {
    hint: 'configuration, version file and sums file have to be in git with the sources, and git follows no links: change "versionFile" or "sumsFile", or put a folder in place of the link',
    details: { path },
  });
}
