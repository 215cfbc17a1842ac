import { basename } from 'node:path';
import type { Sandbox, SandboxMount } from '../sandboxes/sandbox.ts';
import { placementNameFrom } from './placement-name.ts';
import { weaknessAbove, weaknessOfTree } from './tree-on-host.ts';

/**
 * States against whom the proof of a mounted tree holds. `read-only-mount` is said only where everything that it rests on was
 * told from outside: the engine mounted it read-only and gives the sandbox no right to change that; its source is on this host
 * (its name has digits that toolcrib made up here), and nobody but root of the host can write it, nor lead elsewhere by
 * replacing a directory above; and the sandbox has nothing else of the host, by which there could be another way to it.
 */
export async function protectionOfMount(
  sandbox: Sandbox,
  mount: SandboxMount,
): Promise<{ readonly protection: 'read-only-mount' | 'writable-parent'; readonly why: string }> {
  const weakness = weaknessOfMount(mount) ?? (await weaknessOfSandbox(sandbox, mount)) ?? (await weaknessOf(mount));
  if (weakness !== undefined) {
    return { protection: 'writable-parent', why: `${weakness}: what was proven holds at placement only` };
  }
  const from = `from ${mount.source ?? ''}, which only root of this host can write`;
  return { protection: 'read-only-mount', why: `the engine mounted it read-only ${from}` };
}

/**
 * Why root in a sandbox might change, or reach past, what is mounted in it read-only from this host; undefined when it surely cannot.
 * @param mount the mount itself, when the sandbox was made with it.
 */
export async function weaknessOfSandbox(sandbox: Sandbox, mount?: SandboxMount): Promise<string | undefined> {
  return weaknessInside(sandbox) ?? (await otherWayOut(sandbox, mount));
}

function weaknessOfMount(mount: SandboxMount): string | undefined {
  if (mount.writable) return `${mount.path} is not mounted read-only`;
  return mount.kind === 'bind' ? undefined : `${mount.path} is a volume, which other containers may share`;
}

function weaknessInside({ identity, uploader, rootOwner }: Sandbox): string | undefined {
  if (uploader !== undefined) return 'all that is known of the sandbox was told by programs in it, which may lie';
  // Programs are started where its first process is, and find there what an agent mounted for them.
  if (rootOwner === undefined) return 'its first process may be in namespaces that it gave itself';
  if (identity.liberties === undefined) return 'nobody tells what the sandbox may do';
  const [liberty] = identity.liberties;
  return liberty === undefined ? undefined : `the sandbox could mount it anew, or write past the mount: ${liberty}`;
}

async function otherWayOut({ identity }: Sandbox, mount: SandboxMount | undefined): Promise<string | undefined> {
  // With a virtual machine in between, paths are another matter.
  const isHere = identity.engine.startsWith('unix:///') && process.platform === 'linux';
  if (!isHere) return 'its source may be on another machine than this one';
  for (const other of identity.mounts.filter((each) => each !== mount)) {
    if (!(await isApart(other))) return `${other.path} shows something of the host, and may be another way to it`;
  }
  return undefined;
}

/** What the kernel gives every container, and covers in part; a container that could uncover it has a liberty. */
const KERNEL: readonly string[] = ['/dev', '/proc', '/sys'];

/**
 * Whether a mount surely is no way to write the tree, or to reach who can: paths alone do not tell, since directories of the host
 * have other names by links, mounts and options of volumes, and sockets and the kernel's own files hand on more than they show.
 */
async function isApart(mount: SandboxMount): Promise<boolean> {
  if (mount.kind === 'tmpfs') return true;
  if (mount.kind === 'other') return KERNEL.includes(mount.path) && mount.source === undefined;
  return mount.kind === 'bind' && !mount.writable && (await weaknessOf(mount)) === undefined;
}

/** Why the source of a mount may be something else than a tree of toolcrib that only root of this host can change. */
async function weaknessOf({ source }: SandboxMount): Promise<string | undefined> {
  if (source === undefined || placementNameFrom(basename(source)) === undefined) {
    return `${source ?? 'its source'} was not made by toolcrib mount-args`;
  }
  return (await weaknessAbove(source)) ?? (await weaknessOfTree(source));
}
