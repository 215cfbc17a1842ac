import { join } from 'node:path';
import { SandboxError } from '../../core/errors.ts';
import { lstatOrUndefined } from '../../disk/file-kind.ts';
import { unsafePathReason } from '../../tar/path.ts';

/**
 * Where a path of the sandbox is on the host: below `root`, without passing through a link.
 * @param root absolute path of the sandbox's directory.
 * @param path absolute, in the sandbox's own terms.
 * @throws SandboxError `NOT_INJECTABLE` for a path with `..`, or with a link or a file on its way.
 */
export async function hostPathOf(root: string, path: string): Promise<string> {
  const names = componentsOf(path);
  let at = root;
  for (const name of names.slice(0, -1)) {
    at = join(at, name);
    const kind = await lstatOrUndefined(at);
    if (kind === undefined) break;
    if (!kind.isDirectory()) throw refused(path, `${at} is not a directory, links are not followed`);
  }
  return join(root, ...names);
}

function componentsOf(path: string): readonly string[] {
  const relative = path.replace(/^\/+|\/+$/g, '');
  if (relative === '') return [];
  const reason = path.startsWith('/') ? unsafePathReason(relative) : 'is not absolute';
  if (reason !== undefined) throw refused(path, `the path ${reason}`);
  return relative.split('/');
}

function refused(path: string, reason: string): SandboxError {
  return new SandboxError('NOT_INJECTABLE', `cannot use ${JSON.stringify(path)} in a local sandbox: ${reason}`);
}
