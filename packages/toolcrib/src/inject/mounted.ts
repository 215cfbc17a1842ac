import { posix } from 'node:path';
import { hasCode, messageOf } from '../core/errors.ts';
import { formatTarget } from '../core/target.ts';
import { mounterOf, type Sandbox, type SandboxMount } from '../sandboxes/sandbox.ts';
import { componentsOf, statWithin } from './examine-parent.ts';
import type { Injection } from './injection.ts';
import { tryToRecord } from './ledger-record.ts';
import { mountPathOf, type MountSubject } from './mounted-path.ts';
import { protectionOfMount } from './mounted-protection.ts';
import { findMountedEntry, recordMountedEntry, type MountedEntry } from './mounted-record.ts';
import { commandOf, proveHealth } from './place-and-prove.ts';
import type { Placement } from './placement.ts';
import { differs, verifyReadBack } from './read-back.ts';
import { DIRECTORY_MODE } from './tree.ts';

/** The mount of an artifact that a sandbox was made with; undefined when it has none. */
export function mountIn({ identity }: Sandbox, subject: MountSubject): SandboxMount | undefined {
  const path = mountPathOf(subject);
  return identity.mounts.find((mount) => mount.path === path);
}

/**
 * The artifact as the sandbox has it mounted, proven like a placement, and nothing is copied. Where the mount can be changed by
 * nobody in the sandbox, a second injection is one look at a record and one stat; else everything is proven again.
 * @returns undefined when there is no such mount, or it is not the artifact: then it is copied, as without a mount.
 * @throws what says something about more than the mount, as `injectTool`.
 */
export async function findMounted(injection: Injection): Promise<Placement | undefined> {
  const { sandbox, artifact, ledger, clock } = injection;
  const mount = mountIn(sandbox, artifact);
  if (mount === undefined) return undefined;
  const known = await findMountedEntry(ledger, sandbox.identity, artifact.digest, clock.now());
  if (known?.protection === 'read-only-mount' && (await isSame(sandbox, mount))) {
    return placementOf(injection, known, true);
  }
  const proven = await proveMount(injection, mount);
  if (proven === undefined) return undefined;
  // Without its record it is only proven once more.
  await tryToRecord(() => recordMountedEntry(ledger, sandbox.identity, artifact.digest, proven));
  return placementOf(injection, proven, known !== undefined);
}

/** Not in a sandbox whose first process left the users that its engine tells: another tree may be there for what is started. */
async function isSame(sandbox: Sandbox, mount: SandboxMount): Promise<boolean> {
  if (sandbox.rootOwner === undefined) return false;
  const isReached = await leadsTo(sandbox, mount);
  if (isReached !== undefined) return isReached;
  const there = await statWithin(sandbox, mount.path);
  return there?.kind === 'directory' && there.mode === DIRECTORY_MODE;
}

/**
 * Whether a path leads to its mount: root in the sandbox can rename the directories above it, which engines do not see.
 * @returns undefined where nobody can tell.
 */
async function leadsTo(sandbox: Sandbox, { path, source }: SandboxMount): Promise<boolean | undefined> {
  const mounter = mounterOf(sandbox);
  return source === undefined || 'closed' in mounter ? undefined : await mounter.isMounted(path, source);
}

async function proveMount(injection: Injection, mount: SandboxMount): Promise<MountedEntry | undefined> {
  const { sandbox, clock, reporter } = injection;
  try {
    const stated = await protectionOfMount(sandbox, mount);
    if (stated.protection === 'read-only-mount' && (await leadsTo(sandbox, mount)) === false) {
      throw differs(`root in the sandbox moved a directory above ${mount.path}`);
    }
    await readBack(injection, mount);
    await proveHealth(injection, mount.path);
    const readBy = sandbox.uploader === undefined ? 'engine' : 'exec';
    return { directory: mount.path, ...stated, readBack: readBy, provenAt: clock.now() };
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED')) throw error;
    const text = `the tool that is mounted at ${mount.path} is not used: ${messageOf(error)}`;
    reporter.notice({ kind: 'warning', text, hint: 'make the sandbox anew with what toolcrib mount-args prints' });
    return undefined;
  }
}

async function readBack({ sandbox, artifact, signal }: Injection, { path }: SandboxMount): Promise<void> {
  for (const component of componentsOf(path)) {
    const kind = (await sandbox.stat(component))?.kind;
    if (kind !== 'directory') throw differs(`${component} is a ${kind ?? 'hole'}`);
  }
  const tar = await sandbox.readTar(path);
  await verifyReadBack({ artifact, name: posix.basename(path), tar, owner: undefined, signal });
}

function placementOf({ sandbox, artifact }: Injection, entry: MountedEntry, reused: boolean): Placement {
  const { tool, version, target, digest } = artifact;
  const { directory } = entry;
  const command = commandOf(sandbox, artifact, directory);
  const who = { sandbox: sandbox.reference, tool, version, target: formatTarget(target), digest };
  return { ...who, ...entry, command, rung: 'mount', reused, plan: [] };
}
