import { hasCode, messageOf } from '../core/errors.ts';
import type { Candidate } from './attempts.ts';
import type { Injection } from './injection.ts';
import { stays, takeAwayNoted } from './leftovers.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { tryToRecord } from './ledger-record.ts';
import { notInjectable } from './not-injectable.ts';
import { isWrongTree, mountAndProve } from './mount-and-prove.ts';
import { placeAndProve } from './place-and-prove.ts';
import { formatPlacementName, placementAt } from './placement-name.ts';
import type { Placement, PlanStep } from './placement.ts';
import { directoryOf } from './rungs/attempt.ts';
import { sandboxUid } from './sandbox-user.ts';
import { createNotes, type UnfinishedNotes } from './unfinished.ts';
import { byWhom, reasonOf, waysInto } from './ways.ts';

interface Climb {
  readonly injection: Injection;
  readonly ledger: Ledger;
  readonly notes: UnfinishedNotes;
  /** The sandbox's own user; undefined when it is not known. */
  readonly uid: number | undefined;
  /** What was tried, in order. */
  readonly plan: PlanStep[];
}

/**
 * Tries every way in order until one is proven, and has the ledger know it.
 * @throws SandboxError `NOT_INJECTABLE` with the plan in `details.plan`; as {@link placeAndProve}.
 */
export async function climb(injection: Injection, ledger: Ledger): Promise<Placement> {
  const { sandbox, install, artifact, clock, hostTree } = injection;
  const uid = await sandboxUid(sandbox);
  const plan: PlanStep[] = [];
  const notes = createNotes(injection.ledger, () => clock.now());
  const hasLinks = (artifact.tar.links ?? []).length > 0;
  for await (const option of waysInto({ sandbox, install, hasLinks, uid, hostTree })) {
    if ('usable' in option) plan.push(option);
    const placement = 'usable' in option ? undefined : await tryOne({ injection, ledger, notes, uid, plan }, option);
    if (placement !== undefined) return placement;
  }
  throw notInjectable(sandbox, plan);
}

async function tryOne(climbing: Climb, candidate: Candidate): Promise<Placement | undefined> {
  const { injection, notes, plan, uid } = climbing;
  const { sandbox, artifact, random, signal } = injection;
  const { rung, examination } = candidate;
  const name = formatPlacementName(artifact, random(8));
  const directory = directoryOf({ examination, name });
  const step = { rung, parent: examination.parent };
  await notes.note(sandbox.identity, { directory, digest: artifact.digest, state: 'writing' });
  try {
    const placed =
      candidate.rung === 'overlay'
        ? await mountAndProve(injection, candidate, name, uid)
        : await placeAndProve(injection, candidate, name, uid);
    await recordPlacement(climbing, placed.entry);
    plan.push({ ...step, usable: true, reason: `placed ${byWhom(candidate)} and proven` });
    return { ...placed.placement, plan };
  } catch (error) {
    await takeBack(climbing, directory);
    signal?.throwIfAborted();
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED')) throw error;
    if (isWrongTree(error)) return await tryOne(climbing, candidate); // with another one
    plan.push({ ...step, usable: false, reason: reasonOf(candidate, error) });
    return undefined;
  }
}

async function recordPlacement({ injection, ledger, notes }: Climb, entry: LedgerEntry): Promise<void> {
  const { identity } = injection.sandbox;
  const { digest } = injection.artifact;
  const before = await ledger.find(identity, digest);
  if (before !== undefined && placementAt(before.directory) !== undefined) {
    await notes.note(identity, { directory: before.directory, digest, state: 'replaced' });
  }
  await ledger.record(identity, digest, entry);
  // One that stays is passed over: the ledger knows the directory now.
  const { directory } = entry;
  if (entry.rung === 'overlay') await tryToRecord(() => notes.note(identity, { directory, digest, state: 'mounted' }));
  else await notes.strike(identity, directory).catch(() => undefined);
}

/** Best effort, also after an abort: the failure that brought us here is the one to tell. */
async function takeBack({ injection, notes }: Climb, directory: string): Promise<void> {
  const { sandbox, artifact, clock, reporter, signal } = injection;
  const written = { directory, digest: artifact.digest };
  try {
    const { outcome, reason } = await takeAwayNoted({ sandbox, clock, notes }, written);
    // An engine that was cut off may write on for a moment: who comes next looks again.
    if (outcome !== 'left' && signal?.aborted === true) {
      await notes.note(sandbox.identity, { ...written, state: 'left' });
    }
    if (outcome === 'left') reporter.notice(stays(sandbox, directory, reason ?? ''));
  } catch (error) {
    reporter.notice(stays(sandbox, directory, messageOf(error)));
  }
}
