import { messageOf } from '../core/errors.ts';
import type { Notice, Reporter } from '../core/reporter.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { createLedger, type KnownPlacement } from './ledger.ts';
import { tryToRecord } from './ledger-record.ts';
import { planRemoval, type TakingAway } from './take-away.ts';
import { createNotes, isLeftOver, type Unfinished, type UnfinishedNotes } from './unfinished.ts';

/** What became of a directory that was to be taken away. */
export interface TakenAway {
  /** `left`: something of it is still there, or may be. */
  readonly outcome: 'removed' | 'absent' | 'left';
  /** Why it is still there, a sentence without its end; null when it is not. */
  readonly reason: string | null;
}

/**
 * Takes a noted directory away, and strikes the note once it is gone; until then it says that nobody writes there, where
 * there is room to say so. What was replaced and could not be touched stays that: only ejecting it is tried again.
 * @throws as `planRemoval`; RemoteError `STORAGE`.
 */
export async function takeAwayNoted(
  context: TakingAway & { readonly notes: UnfinishedNotes },
  { directory, digest, state }: Pick<Unfinished, 'directory' | 'digest'> & Partial<Pick<Unfinished, 'state'>>,
): Promise<TakenAway> {
  const { sandbox, notes } = context;
  const removal = await planRemoval(context, directory);
  const reason =
    removal.kind === 'possible' ? await removal.run() : removal.kind === 'absent' ? undefined : removal.reason;
  if (reason !== undefined) {
    const isAsNoted = state === 'replaced' && removal.kind === 'impossible';
    if (!isAsNoted) await tryToRecord(() => notes.note(sandbox.identity, { directory, digest, state: 'left' }));
    return { outcome: 'left', reason };
  }
  await notes.strike(sandbox.identity, directory);
  return { outcome: removal.kind === 'absent' ? 'absent' : 'removed', reason: null };
}

/** Where leftovers are looked for. */
export type LeftoverSearch = TakingAway & { readonly ledger: string };

/**
 * What injections that were interrupted left in a sandbox, as the host noted it. A note that was overtaken by an entry of
 * the ledger is struck: the injection was killed when nothing but that was left to do.
 * @throws RemoteError `STORAGE`.
 */
export async function findLeftovers({ sandbox, clock, ledger }: LeftoverSearch): Promise<readonly Unfinished[]> {
  const notes = createNotes(ledger, () => clock.now());
  const { startedAt } = sandbox.identity;
  const found = (await notes.list(sandbox.identity)).filter((note) => isLeftOver(note, clock.now(), startedAt));
  if (found.length === 0) return [];
  const placements = await placementsNow({ sandbox, ledger });
  for (const note of found) {
    const known = placements.get(note.directory);
    if (known?.entry.rung === 'overlay') await notes.note(sandbox.identity, { ...note, state: 'mounted' });
    else if (known !== undefined) await notes.strike(sandbox.identity, note.directory);
  }
  return found.filter(({ directory }) => !placements.has(directory));
}

/** By their directories. A mount ended with the run of the sandbox in which it was made: the ledger forgets it here. */
async function placementsNow({
  sandbox,
  ledger,
}: Pick<LeftoverSearch, 'sandbox' | 'ledger'>): Promise<ReadonlyMap<string, KnownPlacement>> {
  const known = createLedger(ledger);
  const placements = new Map<string, KnownPlacement>();
  for (const placement of await known.list(sandbox.identity)) {
    const isOver = placement.entry.rung === 'overlay' && placement.sandbox.startedAt !== sandbox.identity.startedAt;
    if (isOver) await known.forget(placement.sandbox, placement.digest);
    else placements.set(placement.entry.directory, placement);
  }
  return placements;
}

/**
 * Takes away what interrupted injections left in a sandbox. Best effort: what stays is told, and not used.
 *
 * An engine may go on for a moment with what a killed injection had asked of it, and write again what was taken away; and
 * a process that is being killed lets go of its lock before it has ended. So it is done again when a placement is made.
 * @param stayed what an earlier call told of; it is left alone.
 * @returns directories that stay.
 * @throws the signal's reason; RemoteError `STORAGE`.
 */
export async function collectLeftovers(
  search: LeftoverSearch & { readonly reporter: Reporter },
  stayed: ReadonlySet<string> = new Set(),
): Promise<ReadonlySet<string>> {
  const { sandbox, clock, ledger, reporter, signal } = search;
  const notes = createNotes(ledger, () => clock.now());
  const stay = new Set(stayed);
  for (const note of await findLeftovers(search)) {
    if (stay.has(note.directory)) continue;
    const taken = await takeAwayNoted({ ...search, notes }, note).catch((error: unknown): TakenAway => {
      signal?.throwIfAborted();
      return { outcome: 'left', reason: messageOf(error) };
    });
    if (taken.outcome === 'left') {
      stay.add(note.directory);
      reporter.notice(stays(sandbox, note.directory, taken.reason ?? ''));
    } else if (note.state === 'writing') {
      await notes.note(sandbox.identity, { ...note, state: 'left' });
    }
  }
  return stay;
}

/** Says that what is no placement stays in a sandbox. */
export function stays(sandbox: Sandbox, directory: string, reason: string): Notice {
  const text = `an unfinished placement was left in ${directory} of ${sandbox.reference}: ${reason}`;
  return { kind: 'warning', text, hint: 'nothing uses it; remove it, or the sandbox; a mount ends when that stops' };
}
