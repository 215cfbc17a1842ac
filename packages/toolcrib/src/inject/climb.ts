import { hasCode, messageOf } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { isWrittenByRoot, type Candidate } from './attempts.ts';
import { isCrash } from './health-check.ts';
import type { Injection } from './injection.ts';
import { stays, takeAwayNoted } from './leftovers.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { tryToRecord } from './ledger-record.ts';
import { notInjectable } from './not-injectable.ts';
import { isAboutParent, isWrongTree, mountAndProve } from './mount-and-prove.ts';
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
  /** How mounting goes: what is wrong with this host or with the tool there is so below every parent. */
  readonly mounting: { wrongTrees: number; isOver: boolean };
  /** Where the tool crashed although all of it had arrived, as {@link placeOf} tells. */
  readonly crashes: Set<string>;
}

/** A tree that somebody changes again and again is not written again and again. */
const MOST_WRONG_TREES = 2;

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
  const mounting = { wrongTrees: 0, isOver: false };
  const climbing: Climb = { injection, ledger, notes, uid, plan, mounting, crashes: new Set() };
  for await (const option of waysInto({ sandbox, install, hasLinks, uid, hostTree })) {
    if (option.rung === 'overlay' && mounting.isOver) continue;
    if ('examination' in option && climbing.crashes.has(placeOf(option, uid))) continue;
    if ('usable' in option) plan.push(option);
    const placement = 'usable' in option ? undefined : await tryOne(climbing, option);
    if (placement !== undefined) return placement;
  }
  throw notInjectable(sandbox, plan, climbing.crashes.size > 0 ? { hasProc: await hasProc(sandbox) } : undefined);
}

/**
 * What of a candidate a tool may crash for: the file system, and whose the tree is. How the same bytes came there, and to
 * which directory, is no reason. A mount of this host is a place of its own.
 */
function placeOf(candidate: Candidate, uid: number | undefined): string {
  const { rung, examination, user } = candidate;
  if (rung === 'overlay') return rung;
  const owner = isWrittenByRoot({ rung, user }, uid) ? 'root' : 'own';
  return `${owner} ${examination.mount?.path ?? '/'}`;
}

/** Everybody else than an `uploader` sees what is below a mount of the engine, not in it; and engines mount it always. */
async function hasProc(sandbox: Sandbox): Promise<boolean> {
  if (sandbox.uploader === undefined) return true;
  return (await sandbox.stat('/proc/self')) !== undefined;
}

async function tryOne(climbing: Climb, candidate: Candidate): Promise<Placement | undefined> {
  const { injection, plan, mounting } = climbing;
  const { artifact, random, signal } = injection;
  const { rung, examination } = candidate;
  const name = formatPlacementName(artifact, random(8));
  const step = { rung, parent: examination.parent };
  try {
    const placement = await placeNoted(climbing, candidate, name);
    plan.push({ ...step, usable: true, reason: `placed ${byWhom(injection.sandbox, candidate)} and proven` });
    return { ...placement, plan };
  } catch (error) {
    signal?.throwIfAborted();
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED')) throw error;
    if (isWrongTree(error)) mounting.wrongTrees += 1;
    const mayBeAnother = isWrongTree(error) && mounting.wrongTrees < MOST_WRONG_TREES;
    if (mayBeAnother) return await tryOne(climbing, candidate);
    if (isCrash(error)) climbing.crashes.add(placeOf(candidate, climbing.uid));
    mounting.isOver ||= rung === 'overlay' && !isAboutParent(error);
    plan.push({ ...step, usable: false, reason: reasonOf(candidate, error) });
    return undefined;
  }
}

/** Notes the directory before anything is made there, and takes away what was made when that, or recording it, fails. */
async function placeNoted(climbing: Climb, candidate: Candidate, name: string): Promise<Placement> {
  const { injection, notes, uid } = climbing;
  const { sandbox, artifact } = injection;
  const directory = directoryOf({ examination: candidate.examination, name });
  const noted: { is: boolean } = { is: false };
  const begin = async () => {
    if (noted.is) return;
    await notes.note(sandbox.identity, { directory, digest: artifact.digest, state: 'writing' });
    noted.is = true;
  };
  const placeBy = async () => {
    if (candidate.rung === 'overlay') return await mountAndProve(injection, candidate, name, uid, begin);
    await begin();
    return await placeAndProve(injection, candidate, name, uid);
  };
  try {
    const { placement, entry } = await placeBy();
    await recordPlacement(climbing, entry);
    return placement;
  } catch (error) {
    if (noted.is) await takeBack(climbing, directory);
    throw error;
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

/**
 * Best effort, also after an abort: the failure that brought us here is the one to tell, unless nobody answers any more.
 * @throws RemoteError `UNREACHABLE`.
 */
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
    if (signal?.aborted !== true && hasCode(error, 'UNREACHABLE')) throw error;
  }
}
