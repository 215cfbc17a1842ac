import { posix } from 'node:path';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { componentsOf } from './examine-parent.ts';

/** A program of the sandbox that helps to place files where its engine cannot. */
export interface SandboxProgram {
  readonly path: string;
  /** True when root can run it safely: it and every directory and link on its way belong to root. */
  readonly trusted: boolean;
}

const FOLDERS = ['/bin', '/usr/bin', '/sbin', '/usr/sbin'];
const MAX_LINKS = 16;

/** Finds a program without executing anything. PATH is not asked: it may name directories that an agent can write. */
export async function findProgram(
  sandbox: Sandbox,
  name: string,
  needsTrust: boolean,
): Promise<SandboxProgram | undefined> {
  for (const folder of FOLDERS) {
    const path = `${folder}/${name}`;
    if ((await sandbox.stat(path)) === undefined) continue;
    return { path, trusted: needsTrust && (await isTrusted(sandbox, path, MAX_LINKS)) };
  }
  return undefined;
}

async function isTrusted(sandbox: Sandbox, path: string, links: number): Promise<boolean> {
  for (const component of componentsOf(path)) {
    const entry = await sandbox.stat(component);
    if (entry === undefined || links === 0 || (await sandbox.readOwner(component)) !== 0) return false;
    if (entry.kind === 'link') {
      const rest = path.slice(component.length);
      const target = posix.resolve(posix.dirname(component), entry.linkTarget);
      return await isTrusted(sandbox, posix.join(target, rest), links - 1);
    }
    if ((entry.mode & 0o022) !== 0) return false;
  }
  return true;
}
