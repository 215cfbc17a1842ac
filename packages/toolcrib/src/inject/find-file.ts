import { posix } from 'node:path';
import type { SandboxReader } from '../sandboxes/sandbox.ts';

/** A regular file of a sandbox. */
export interface SandboxFile {
  /** Where the links of its last component lead; those on the way to it are the engine's to follow. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

/** As many as Linux follows: path_resolution(7). */
const MAX_LINKS = 40;

/**
 * The regular file that a path of the sandbox leads to, with links as paths of the sandbox.
 * @returns undefined when none does: nothing is there, or a directory, a pipe, links in a circle.
 * @throws as `Sandbox.stat`.
 */
export async function findFile(sandbox: SandboxReader, path: string): Promise<SandboxFile | undefined> {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const entry = await sandbox.stat(at);
    if (entry?.kind === 'file') return { path: at, size: entry.size };
    if (entry?.kind !== 'link') return undefined;
    at = posix.resolve(posix.dirname(at), entry.linkTarget);
  }
  return undefined;
}
