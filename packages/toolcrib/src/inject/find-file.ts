import { posix } from 'node:path';
import { hasCode } from '../core/errors.ts';
import type { SandboxEntry, SandboxReader } from '../sandboxes/sandbox.ts';

/** A regular file of a sandbox. */
export interface SandboxFile {
  /** Where the links of its last component lead; those on the way to it are the engine's to follow. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * What a look at a path came to. `absent`: nothing there can be opened as a file, because nothing is there, or something
 * else, or links in a circle. `unknown`: the engine does not look there.
 */
export type Sighting = ({ readonly kind: 'file' } & SandboxFile) | { readonly kind: 'absent' | 'unknown' };

/** As many as Linux follows: path_resolution(7). */
const MAX_LINKS = 40;

/**
 * Looks for the regular file that a path of the sandbox leads to, with links as paths of the sandbox.
 * @throws SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`.
 */
export async function lookForFile(sandbox: SandboxReader, path: string): Promise<Sighting> {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const entry = await statIfPossible(sandbox, at);
    if (entry === 'refused') return { kind: 'unknown' };
    if (entry?.kind === 'file') return { kind: 'file', path: at, size: entry.size };
    if (entry?.kind !== 'link') return { kind: 'absent' };
    at = posix.resolve(posix.dirname(at), entry.linkTarget);
  }
  return { kind: 'absent' };
}

/** As {@link lookForFile}, for who only wants to read it. */
export async function findFile(sandbox: SandboxReader, path: string): Promise<SandboxFile | undefined> {
  const sighting = await lookForFile(sandbox, path);
  return sighting.kind === 'file' ? sighting : undefined;
}

/** Docker refuses to look at links that lead in a circle; a local sandbox, at what lies behind a link. */
async function statIfPossible(sandbox: SandboxReader, path: string): Promise<SandboxEntry | 'refused' | undefined> {
  try {
    return await sandbox.stat(path);
  } catch (error) {
    if (hasCode(error, 'NOT_INJECTABLE', 'REMOTE_REFUSED')) return 'refused';
    throw error;
  }
}
