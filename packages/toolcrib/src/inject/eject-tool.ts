import type { Reporter } from '../core/reporter.ts';
import { underPlacementLock } from './injection-lock.ts';
import { tellingInterruptedWait } from './interrupted-wait.ts';
import { createLedger, type KnownPlacement } from './ledger.ts';
import { tryToRecord } from './ledger-record.ts';
import { findLeftovers, takeAwayNoted, type LeftoverSearch, type TakenAway } from './leftovers.ts';
import { mountedToolAt } from './mounted-path.ts';
import { placementAt } from './placement-name.ts';
import { planRemoval } from './take-away.ts';
import { createNotes, type Unfinished, type UnfinishedNotes } from './unfinished.ts';

/** What is to be taken away. */
export interface EjectRequest extends LeftoverSearch {
  readonly tool: string;
  /** Undefined: all of them. */
  readonly versions: readonly number[] | undefined;
  readonly reporter: Reporter;
}

/** A directory that an injection wrote, or a mount that the sandbox was made with, and what became of it. */
export interface EjectedDirectory extends TakenAway {
  /** Path of the sandbox. */
  readonly directory: string;
  readonly tool: string;
  readonly version: number;
  /**
   * `placement`: it could be used; `replaced`: another one took its place, see `Unfinished`; `leftover`: an injection that
   * was interrupted left it, of whatever tool, or an ejection that could not remove all of it;
   * `mount`: the sandbox was made with it, and nothing takes it away.
   */
  readonly kind: 'placement' | 'replaced' | 'leftover' | 'mount';
}

/**
 * Takes away what the ledger of this host knows to have been placed in a sandbox, also before it was started again, and
 * what interrupted injections left there. What it does not know is not looked for. A mount that the sandbox was made with is
 * told, and stays.
 *
 * The ledger forgets a placement before its first file is removed: what is half removed when this is killed is used by
 * nobody, and taken away by the next call or injection. A placement that cannot be taken away stays known. Forgetting is
 * what is needed; the note only has what is half removed found again. On a full disk it is done without, because there
 * ejecting is one way to make room, and what stays then is told.
 * @returns every directory that was known, and every such mount; empty when there was nothing.
 * @throws SandboxError `SANDBOX_STATE`; RemoteError `UNREACHABLE`, `STORAGE`; the signal's reason.
 */
export async function ejectTool(request: EjectRequest): Promise<readonly EjectedDirectory[]> {
  const { reference } = request.sandbox;
  return await tellingInterruptedWait({ ...request, reference }, () => ejectNow(request));
}

async function ejectNow(request: EjectRequest): Promise<readonly EjectedDirectory[]> {
  const { sandbox, clock, ledger, signal } = request;
  const notes = createNotes(ledger, () => clock.now());
  const ejected: EjectedDirectory[] = [];
  for (const known of await createLedger(ledger).list(sandbox.identity)) {
    signal?.throwIfAborted();
    if (!isMeant(request, placementAt(known.entry.directory))) continue;
    const taken = await ejectPlacement(request, notes, known);
    if (taken !== undefined) ejected.push(taken);
  }
  const tried = new Set(ejected.map(({ directory }) => directory));
  for (const note of await notedFor(request, notes)) {
    signal?.throwIfAborted();
    if (tried.has(note.directory)) continue;
    const kind = note.state === 'replaced' ? 'replaced' : 'leftover';
    ejected.push(told(kind, note.directory, await takeAwayNoted({ ...request, notes }, note)));
  }
  return [...ejected, ...mountsOf(request)];
}

type ToolVersion = Pick<EjectedDirectory, 'tool' | 'version'>;

function isMeant({ tool, versions }: EjectRequest, placed: ToolVersion | undefined): placed is ToolVersion {
  return placed?.tool === tool && (versions === undefined || versions.includes(placed.version));
}

/** By what the sandbox was made with, whether or not an injection has used it. */
function mountsOf(request: EjectRequest): readonly EjectedDirectory[] {
  const reason = 'the sandbox was made with this mount, which stays as long as the sandbox does';
  return request.sandbox.identity.mounts.flatMap(({ path }) => {
    const mounted = mountedToolAt(path);
    if (!isMeant(request, mounted)) return [];
    return [{ directory: path, ...mounted, kind: 'mount', outcome: 'left', reason }];
  });
}

/** @returns undefined when somebody else took it away first. */
async function ejectPlacement(
  request: EjectRequest,
  notes: UnfinishedNotes,
  { sandbox, digest }: KnownPlacement,
): Promise<EjectedDirectory | undefined> {
  const ledger = createLedger(request.ledger);
  return await underPlacementLock({ ...request, digest }, async () => {
    const directory = (await ledger.find(sandbox, digest))?.directory;
    if (directory === undefined) return undefined;
    const removal = await planRemoval(request, directory);
    if (removal.kind === 'impossible') {
      return told('placement', directory, { outcome: 'left', reason: removal.reason });
    }
    await tryToRecord(() => notes.note(sandbox, { directory, digest, state: 'left' }));
    await ledger.forget(sandbox, digest);
    const taken = await takeAwayNoted({ ...request, notes }, { directory, digest });
    return told('placement', directory, await orUnnoted(notes, { sandbox, directory, taken }));
  });
}

/** Says of what stays that nobody will find it again, where the disk had no room for the note. */
async function orUnnoted(
  notes: UnfinishedNotes,
  { sandbox, directory, taken }: Pick<KnownPlacement, 'sandbox'> & { readonly directory: string; taken: TakenAway },
): Promise<TakenAway> {
  if (taken.outcome !== 'left') return taken;
  if ((await notes.list(sandbox)).some((note) => note.directory === directory)) return taken;
  return {
    ...taken,
    reason: `${taken.reason ?? ''}; the ledger has no room to note it, and does not know it any more`,
  };
}

async function notedFor(request: EjectRequest, notes: UnfinishedNotes): Promise<readonly Unfinished[]> {
  const replaced = (await notes.list(request.sandbox.identity)).filter(
    ({ state, directory }) => state === 'replaced' && isMeant(request, placementAt(directory)),
  );
  return [...replaced, ...(await findLeftovers(request))];
}

function told(kind: EjectedDirectory['kind'], directory: string, taken: TakenAway): EjectedDirectory {
  const { tool = '', version = 0 } = placementAt(directory) ?? {};
  return { directory, tool, version, kind, ...taken };
}
