import { lstat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Sandbox, SandboxMount } from '../sandboxes/sandbox.ts';
import { componentsOf, isAtOrBelow } from './examine-parent.ts';
import { placementNameFrom } from './placement-name.ts';
import { weaknessOfTree } from './tree-on-host.ts';

/**
 * States against whom the proof of a mounted tree holds. `read-only-mount` is said only where everything that it rests on was
 * told from outside: the engine mounted it read-only and gives the sandbox no right to change that; its source is on this host
 * (its name has digits that toolcrib made up here), and nobody but root of the host can write it, nor lead elsewhere by
 * replacing a directory above; and the sandbox has no other way to it.
 */
export async function protectionOfMount(
  sandbox: Sandbox,
  mount: SandboxMount,
): Promise<{ readonly protection: 'read-only-mount' | 'writable-parent'; readonly why: string }> {
  const weakness = weaknessInside(sandbox, mount) ?? (await weaknessOutside(sandbox, mount));
  if (weakness !== undefined) {
    return { protection: 'writable-parent', why: `${weakness}: what was proven holds at placement only` };
  }
  const from = `from ${mount.source ?? ''}, which only root of this host can write`;
  return { protection: 'read-only-mount', why: `the engine mounted it read-only ${from}` };
}

function weaknessInside({ identity, uploader }: Sandbox, mount: SandboxMount): string | undefined {
  if (uploader !== undefined) return 'all that is known of the sandbox was told by programs in it, which may lie';
  if (mount.writable) return `${mount.path} is not mounted read-only`;
  if (mount.kind !== 'bind') return `${mount.path} is a volume, which other containers may share`;
  if (identity.liberties === undefined) return 'nobody tells what the sandbox may do';
  const [liberty] = identity.liberties;
  return liberty === undefined ? undefined : `the sandbox could mount it anew, or write past the mount: ${liberty}`;
}

/** Engines behind a socket of this machine; with a virtual machine in between, paths are another matter. */
const SOCKET = /^unix:\/\/(?<path>\/.*)$/;

async function weaknessOutside({ identity }: Sandbox, mount: SandboxMount): Promise<string | undefined> {
  const socket = SOCKET.exec(identity.engine)?.groups?.['path'];
  const { source } = mount;
  if (socket === undefined || process.platform !== 'linux') return 'its source may be on another machine than this one';
  if (source === undefined || placementNameFrom(basename(source)) === undefined) {
    return `${source ?? 'its source'} was not made by toolcrib mount-args`;
  }
  for (const other of identity.mounts.filter((each) => each !== mount)) {
    if (await leadsTo(other, source, socket)) return `${other.path} is another way to it`;
  }
  return (await weaknessAbove(source)) ?? (await weaknessOfTree(source));
}

/** By what a mount shows of the host: the tree itself, or a socket, by which an engine takes orders. */
async function leadsTo({ source, writable }: SandboxMount, tree: string, socket: string): Promise<boolean> {
  if (source === undefined) return false;
  if (isAtOrBelow(socket, source) || isAtOrBelow(`/run/${basename(socket)}`, source)) return true;
  if (writable && (isAtOrBelow(tree, source) || isAtOrBelow(source, tree))) return true;
  return (await lstatIfThere(source))?.isSocket() === true;
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** In a sticky directory only root replaces what belongs to root. */
async function weaknessAbove(source: string): Promise<string | undefined> {
  for (const path of componentsOf(source)) {
    const stats = await lstatIfThere(path);
    if (stats?.isDirectory() !== true) return `${path} is no directory of this host`;
    if (stats.uid !== 0) return `${path} belongs to uid ${stats.uid} of this host`;
    if ((stats.mode & WRITABLE_BY_OTHERS) !== 0 && (stats.mode & STICKY) === 0) {
      return `others than root can write ${path} of this host`;
    }
  }
  return undefined;
}

/** Who may not look sees nothing, and nothing is claimed then. */
async function lstatIfThere(path: string) {
  return await lstat(path).catch(() => undefined);
}
