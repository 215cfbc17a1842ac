import { relative } from 'node:path';
import { hasCode, messageOf, SandboxError } from '../core/errors.ts';
import { mounterOf, type ExamineWay, type NamespaceMounter, type Sandbox } from '../sandboxes/sandbox.ts';
import type { MountingCandidate } from './attempts.ts';
import { withDeadline, type Patience } from './deadline.ts';
import { examineWay, mountingRefusal } from './examine-parent.ts';
import type { MountedTree, ProvidedTree } from './host-tree.ts';
import type { Injection } from './injection.ts';
import type { LedgerEntry } from './ledger.ts';
import { placementFrom, proveHealth } from './place-and-prove.ts';
import type { Placement } from './placement.ts';
import { directoryOf } from './rungs/attempt.ts';
import { stateOfTree, weaknessAbove, weaknessOfTree, whyNotEmpty } from './tree-on-host.ts';

/** Nothing is copied. */
const MOUNTING: Patience = { total: 60_000, quiet: 60_000 };

/**
 * Mounts the tree of this host and proves that it is the artifact and runs there: the mount in the sandbox shows that directory and
 * nothing else. What was mounted before a failure is still there.
 * @param begin is called before the first thing is made in the sandbox, and again.
 * @throws SandboxError `NOT_INJECTABLE`, `EXEC_FAILED`: no mount is usable, or but not below this parent, as {@link isAboutParent}
 * tells, or not of this tree, as {@link isWrongTree} does; everything else ends the injection.
 */
export async function mountAndProve(
  injection: Injection,
  candidate: MountingCandidate,
  name: string,
  uid: number | undefined,
  begin: () => Promise<void>,
): Promise<{ readonly placement: Placement; readonly entry: LedgerEntry }> {
  const { sandbox, clock } = injection;
  const { examination, rung } = candidate;
  const directory = directoryOf({ examination, name });
  const source = await provideTree(injection);
  const examine: ExamineWay = async (way) => {
    const refusal = mountingRefusal(await examineWay(sandbox, examination.parent, uid, way));
    if (refusal !== undefined) throw new SandboxError('NOT_INJECTABLE', refusal);
    await begin();
  };
  const { base, path, state, empty } = source;
  const shown = { base, tree: relative(base, path), empty: relative(base, empty) };
  await withDeadline(injection, 'mounting', MOUNTING, async ({ signal }) => {
    await requireMounter(sandbox).mount({ path: directory, ...shown, examine, signal });
  }).catch((error: unknown) => {
    throw aboutParent(error, examination.parent);
  });
  await proveBoth(injection, directory, source);
  const why = `toolcrib mounted it read-only, as an overlay of ${path}, which only root of this host can write`;
  const stated = { protection: 'read-only-mount', why, readBack: 'host' } as const;
  const entry = { directory, rung, ...stated, provenAt: clock.now(), source: { path, state, empty } };
  return { entry, placement: placementFrom(injection, entry) };
}

/** Whether another tree may do where one was found to be changed. */
export function isWrongTree(error: unknown): boolean {
  return hasCode(error, 'NOT_INJECTABLE') && error.details['tree'] === 'wrong';
}

/** Whether a mount below another parent may do. */
export function isAboutParent(error: unknown): boolean {
  return hasCode(error, 'NOT_INJECTABLE') && error.details['parent'] !== undefined;
}

/** What the helper was doing before it entered the sandbox. */
const OUTSIDE: readonly unknown[] = ['source', 'overlay'];

function aboutParent(error: unknown, parent: string): unknown {
  if (!hasCode(error, 'NOT_INJECTABLE') || OUTSIDE.includes(error.details['doing'])) return error;
  return new SandboxError('NOT_INJECTABLE', error.message, { details: { ...error.details, parent } });
}

/** At once, because the sandbox works meanwhile: what answers the health check counts only if the bytes were right, too. */
async function proveBoth(injection: Injection, directory: string, source: ProvidedTree): Promise<void> {
  const health = proveHealth(injection, directory);
  const [bytes] = await Promise.allSettled([source.verify(), health]);
  if (bytes.status === 'rejected') throw unusable(bytes.reason);
  if (bytes.value !== undefined) throw new SandboxError('NOT_INJECTABLE', bytes.value, { details: { tree: 'wrong' } });
  await health;
}

/** A copy does not go through the tree. */
function unusable(error: unknown): unknown {
  return hasCode(error, 'STORAGE', 'USAGE') ? new SandboxError('NOT_INJECTABLE', messageOf(error)) : error;
}

/** A tree that cannot be had, for want of room or of a safe place, is no reason not to copy. */
async function provideTree({ hostTree }: Injection): Promise<ProvidedTree> {
  if (hostTree === undefined) throw new SandboxError('NOT_INJECTABLE', 'there is no tree on this host');
  const tree = await hostTree.provide().catch((error: unknown) => {
    throw unusable(error);
  });
  const weakness = (await weaknessOfTree(tree.path)) ?? (await weaknessAround(tree));
  if (weakness !== undefined) throw new SandboxError('NOT_INJECTABLE', weakness);
  return tree;
}

/** Why what a sandbox is shown could come to be more than the tree, or another one; undefined when it cannot. */
async function weaknessAround({ path, empty }: MountedTree): Promise<string | undefined> {
  const above = (await weaknessAbove(path)) ?? (await weaknessAbove(empty));
  return above ?? (await weaknessOfTree(empty)) ?? (await whyNotEmpty(empty));
}

function requireMounter(sandbox: Sandbox): NamespaceMounter {
  const mounter = mounterOf(sandbox);
  if (!('closed' in mounter)) return mounter;
  throw new SandboxError('NOT_INJECTABLE', mounter.closed);
}

/** Whether a placement that is a mount still shows the tree that was proven, which nobody touched, and nothing else. */
export async function isStillMounted(
  sandbox: Sandbox,
  { directory, source }: Pick<LedgerEntry, 'directory' | 'source'>,
): Promise<boolean> {
  const mounter = mounterOf(sandbox);
  if (source === undefined || 'closed' in mounter || !(await mounter.isMounted(directory, source.path))) return false;
  return (await stateOfTree(source.path)) === source.state && (await weaknessAround(source)) === undefined;
}
