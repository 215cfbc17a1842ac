import { hasCode, messageOf, SandboxError } from '../core/errors.ts';
import type { ExamineWay, NamespaceMounter, Sandbox } from '../sandboxes/sandbox.ts';
import type { MountingCandidate } from './attempts.ts';
import { withDeadline, type Patience } from './deadline.ts';
import { examineWay, mountingRefusal } from './examine-parent.ts';
import type { ProvidedTree } from './host-tree.ts';
import type { Injection } from './injection.ts';
import type { LedgerEntry } from './ledger.ts';
import { placementFrom, proveHealth } from './place-and-prove.ts';
import type { Placement } from './placement.ts';
import { directoryOf } from './rungs/attempt.ts';
import { stateOfTree, weaknessAbove, weaknessOfTree } from './tree-on-host.ts';

/** Nothing is copied. */
const MOUNTING: Patience = { total: 60_000, quiet: 60_000 };

/**
 * Mounts the tree of this host and proves that it is the artifact and runs there: the mount in the sandbox shows that directory and
 * nothing else. What was mounted before a failure is still there.
 * @throws SandboxError `NOT_INJECTABLE`, `EXEC_FAILED`: this way is not usable, or, as {@link isWrongTree} tells, the tree was not;
 * everything else ends the injection.
 */
export async function mountAndProve(
  injection: Injection,
  candidate: MountingCandidate,
  name: string,
  uid: number | undefined,
): Promise<{ readonly placement: Placement; readonly entry: LedgerEntry }> {
  const { sandbox, clock } = injection;
  const { examination, rung } = candidate;
  const directory = directoryOf({ examination, name });
  const source = await provideTree(injection);
  const examine: ExamineWay = async (way) => {
    const refusal = mountingRefusal(await examineWay(sandbox, examination.parent, uid, way));
    if (refusal !== undefined) throw new SandboxError('NOT_INJECTABLE', refusal);
  };
  await withDeadline(injection, 'mounting', MOUNTING, async ({ signal }) => {
    await requireMounter(sandbox).mount({ path: directory, source: source.path, empty: source.empty, examine, signal });
  });
  await proveBoth(injection, directory, source);
  const why = `toolcrib mounted it read-only, as an overlay of ${source.path}, which only root of this host can write`;
  const stated = { protection: 'read-only-mount', why, readBack: 'host' } as const;
  const { path, state } = source;
  const entry = { directory, rung, ...stated, provenAt: clock.now(), source: { path, state } };
  return { entry, placement: placementFrom(injection, entry) };
}

/** Whether another tree may do where one was found to be changed. */
export function isWrongTree(error: unknown): boolean {
  return hasCode(error, 'NOT_INJECTABLE') && error.details['tree'] === 'wrong';
}

/** At once, because the sandbox works meanwhile: what answers the health check counts only if the bytes were right, too. */
async function proveBoth(injection: Injection, directory: string, source: ProvidedTree): Promise<void> {
  const health = proveHealth(injection, directory);
  const [bytes] = await Promise.allSettled([source.verify(), health]);
  if (bytes.status === 'rejected') throw unusable(bytes.reason);
  if (bytes.value !== undefined) throw new SandboxError('NOT_INJECTABLE', bytes.value, { details: { tree: 'wrong' } });
  await health;
}

/** Also what somebody in another sandbox keeps from being read: a copy does not go through the tree. */
function unusable(error: unknown): unknown {
  return hasCode(error, 'STORAGE', 'USAGE') ? new SandboxError('NOT_INJECTABLE', messageOf(error)) : error;
}

/** A tree that cannot be had, for want of room or of a safe place, is no reason not to copy. */
async function provideTree({ hostTree }: Injection): Promise<ProvidedTree> {
  if (hostTree === undefined) throw new SandboxError('NOT_INJECTABLE', 'there is no tree on this host');
  const tree = await hostTree.provide().catch((error: unknown) => {
    throw unusable(error);
  });
  for (const path of [tree.path, tree.empty]) {
    const weakness = (await weaknessAbove(path)) ?? (await weaknessOfTree(path));
    if (weakness !== undefined) throw new SandboxError('NOT_INJECTABLE', weakness);
  }
  return tree;
}

function requireMounter({ namespace }: Sandbox): NamespaceMounter {
  const mounter = namespace !== undefined && !('closed' in namespace) ? namespace.mounter : namespace;
  if (mounter !== undefined && !('closed' in mounter)) return mounter;
  throw new SandboxError('NOT_INJECTABLE', mounter?.closed ?? 'there is no mount namespace to enter');
}

/** Whether a placement that is a mount is still that of the tree that was proven, which nobody touched. */
export async function isStillMounted(
  { namespace }: Sandbox,
  { directory, source }: Pick<LedgerEntry, 'directory' | 'source'>,
): Promise<boolean> {
  if (source === undefined || namespace === undefined || 'closed' in namespace) return false;
  const { mounter } = namespace;
  if ('closed' in mounter || !(await mounter.isMounted(directory, source.path))) return false;
  return (await stateOfTree(source.path)) === source.state;
}
