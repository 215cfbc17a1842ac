import { hasCode, messageOf } from '../core/errors.ts';
import { mounterOf, type Sandbox } from '../sandboxes/sandbox.ts';
import {
  canEnter,
  canHelp,
  optionsIn,
  outsideInReach,
  programsFor,
  unpackerOf,
  type Candidate,
  type CopyingCandidate,
  type Option,
} from './attempts.ts';
import {
  copyingRefusal,
  examineParent,
  examineWay,
  mountingRefusal,
  type ParentExamination,
} from './examine-parent.ts';
import type { HostTree } from './host-tree.ts';
import type { PlanStep } from './placement.ts';
import { weaknessOfSandbox } from './mounted-protection.ts';
import { requireProgram } from './rungs/attempt.ts';
import { sandboxUid } from './sandbox-user.ts';

/** Where ways into a sandbox are looked for. */
export interface WaysRequest {
  readonly sandbox: Sandbox;
  /** Parents of placements, absolute paths of the sandbox, in order of preference. */
  readonly install: readonly string[];
  /** Whether the tree to place has links. */
  readonly hasLinks: boolean;
  /** The sandbox's own user; undefined when it is not known. */
  readonly uid: number | undefined;
  /** Undefined where nothing is to be mounted. */
  readonly hostTree: Pick<HostTree, 'refusal'> | undefined;
}

/**
 * All ways into a sandbox in the order in which they are tried: what nobody there can change before what is copied, then parents
 * that only root can write before others. Each is looked for only when it is asked for; nothing is executed or written.
 * @throws as the calls of `SandboxReader`.
 */
export async function* waysInto(request: WaysRequest): AsyncGenerator<Option> {
  const { sandbox, install, uid } = request;
  yield* mountingWays(request);
  const weak: ParentExamination[] = [];
  for (const parent of install) {
    const examination = await examineParent(sandbox, parent, uid);
    if (examination.weaknesses.length > 0) weak.push(examination);
    else yield* waysBelow(request, examination);
  }
  for (const examination of weak) yield* waysBelow(request, examination);
}

/**
 * What stands on the way is examined when the mount namespace is entered for the mount: one that was seen before may be another
 * by then.
 */
async function* mountingWays({ sandbox, install, uid, hostTree }: WaysRequest): AsyncGenerator<Option> {
  if (hostTree === undefined || sandbox.namespace === undefined) return;
  const rung = 'overlay';
  const mounter = mounterOf(sandbox);
  const closed = 'closed' in mounter ? mounter.closed : undefined;
  const refusal = closed ?? (await weaknessOfSandbox(sandbox)) ?? (await hostTree.refusal());
  for (const parent of refusal === undefined ? install : install.slice(0, 1)) {
    const examination = await examineWay(sandbox, parent, uid, []);
    const reason = refusal ?? examination.refusal;
    yield reason === undefined ? { rung, examination, user: undefined } : { rung, parent, usable: false, reason };
  }
}

async function* waysBelow(request: WaysRequest, examination: ParentExamination): AsyncGenerator<Option> {
  const { sandbox, uid, hasLinks } = request;
  const isRaced = outsideInReach(sandbox, uid) !== undefined;
  const helped = isRaced && (canEnter(sandbox) || (await canHelp(sandbox, hasLinks)));
  for (const option of optionsIn(sandbox, examination, uid, helped)) {
    if ('usable' in option) yield option;
    else if (option.rung === 'namespace') yield await entered(sandbox, option, uid);
    else yield (await withoutPrograms(sandbox, option)) ?? option;
  }
}

/** A way through the mount namespace, with what is seen of the parent from inside of it. Nothing is written. */
async function entered<T extends Candidate>(
  sandbox: Sandbox,
  candidate: T,
  uid: number | undefined,
): Promise<T | PlanStep> {
  const { rung } = candidate;
  const { parent } = candidate.examination;
  const unusable = (reason: string): PlanStep => ({ rung, parent, usable: false, reason });
  const { namespace } = sandbox;
  if (namespace === undefined || 'closed' in namespace) return unusable(namespace?.closed ?? 'there is none');
  try {
    const examination = await examineWay(sandbox, parent, uid, await namespace.look(parent));
    const refusal = rung === 'overlay' ? mountingRefusal(examination) : copyingRefusal(examination);
    return refusal === undefined ? { ...candidate, examination } : unusable(refusal);
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
    return unusable(messageOf(error));
  }
}

/** @returns why a way cannot be used for lack of programs; undefined when all are there. */
async function withoutPrograms(sandbox: Sandbox, candidate: CopyingCandidate): Promise<PlanStep | undefined> {
  const { rung, examination, user } = candidate;
  try {
    for (const name of programsFor(rung)) await requireProgram({ sandbox, user, signal: undefined }, name);
    return undefined;
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
    return { rung, parent: examination.parent, usable: false, reason: reasonOf(candidate, error) };
  }
}

/** Why a way failed, with the user whose programs failed where that is not the sandbox's own. */
export function reasonOf({ user }: Candidate, error: unknown): string {
  return user === '0' ? `as root: ${messageOf(error)}` : messageOf(error);
}

/** As whom a way places. */
export function byWhom(sandbox: Pick<Sandbox, 'identity'>, { rung, user }: Candidate): string {
  if (rung === 'overlay') return 'by toolcrib itself, as a read-only mount of the tree on this host';
  if (rung === 'archive') return `by ${unpackerOf(sandbox)}`;
  if (rung === 'namespace') return 'by toolcrib itself, through the mount namespace';
  return user === '0' ? 'by programs of the sandbox as root' : 'by programs of the sandbox as its own user';
}

/**
 * What an injection would try, without trying it.
 * @throws as {@link waysInto}.
 */
export async function planWays(request: Omit<WaysRequest, 'uid'>): Promise<readonly PlanStep[]> {
  const steps: PlanStep[] = [];
  const uid = await sandboxUid(request.sandbox);
  for await (const way of waysInto({ ...request, uid })) {
    const isMount = 'examination' in way && way.rung === 'overlay';
    const option = isMount ? await entered(request.sandbox, way, uid) : way;
    if ('usable' in option) steps.push(option);
    else {
      const { rung, examination } = option;
      steps.push({
        rung,
        parent: examination.parent,
        usable: true,
        reason: `it would be placed ${byWhom(request.sandbox, option)}`,
      });
    }
  }
  return steps;
}
