import { posix } from 'node:path';
import { hasCode, messageOf } from '../core/errors.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import { patienceFor, withDeadline } from './deadline.ts';
import { componentsOf, statWithin } from './examine-parent.ts';
import type { Injection } from './injection.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import { tryToRecord } from './ledger-record.ts';
import { isStillMounted } from './mount-and-prove.ts';
import { placementFrom, proveHealth, readBackByExec } from './place-and-prove.ts';
import { readBackByNamespace } from './rungs/namespace.ts';
import { holdsAtPlacementOnly, type Placement } from './placement.ts';
import { differs, verifyReadBack } from './read-back.ts';
import { DIRECTORY_MODE } from './tree.ts';

/** What the ledger knew: a placement that was found usable, or the directory of one that was not; neither when it knew none. */
export interface FoundPlacement {
  readonly placement?: Placement | undefined;
  readonly unusable?: string | undefined;
}

/**
 * The placement that is there already: one look into the ledger and one stat in the sandbox. Where the sandbox's own
 * user could have written since, everything is proven again.
 */
export async function findPlacement(injection: Injection, ledger: Ledger): Promise<FoundPlacement> {
  const { sandbox, artifact, clock } = injection;
  const entry = await ledger.find(sandbox.identity, artifact.digest, { usedAt: clock.now() });
  if (entry === undefined) return {};
  const placement = await useEntry(injection, ledger, entry);
  return placement === undefined ? { unusable: entry.directory } : { placement };
}

async function useEntry(injection: Injection, ledger: Ledger, entry: LedgerEntry): Promise<Placement | undefined> {
  const { sandbox, artifact, clock, reporter } = injection;
  const isWanted = entry.rung !== 'overlay' || injection.isCopyWanted !== true;
  if (!isWanted || !(await isThere(sandbox, entry))) return undefined;
  if (!holdsAtPlacementOnly(entry.protection)) return { ...placementFrom(injection, entry), reused: true };
  try {
    await proveAgain(injection, entry);
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE', 'EXEC_FAILED')) throw error;
    const text = `the placement in ${entry.directory} was changed and is not used any more: ${messageOf(error)}`;
    reporter.notice({ kind: 'warning', text });
    return undefined;
  }
  const proven = { ...entry, provenAt: clock.now() };
  // The proof counts, whatever date the ledger can keep of it.
  await tryToRecord(() => ledger.record(sandbox.identity, artifact.digest, proven));
  return { ...placementFrom(injection, proven), reused: true };
}

/** Whether something stands where a placement was; an engine that could not see it when it was made cannot see it now. */
export async function isThere(sandbox: Sandbox, entry: LedgerEntry): Promise<boolean> {
  if (entry.rung === 'overlay') return await isStillMounted(sandbox, entry);
  if (entry.readBack === 'exec') return true;
  if (entry.readBack === 'host') return await isSeen(sandbox, entry.directory);
  // Owners that the engine told once count only while they do.
  if (entry.protection === 'root-owned' && sandbox.rootOwner === undefined) return false;
  const there = await statWithin(sandbox, entry.directory);
  return there?.kind === 'directory' && there.mode === DIRECTORY_MODE;
}

/** By who read it back: the engine may not see it. */
async function isSeen({ namespace }: Sandbox, directory: string): Promise<boolean> {
  if (namespace === undefined || 'closed' in namespace) return false;
  try {
    const last = (await namespace.look(directory)).at(-1);
    return last?.path === directory && last.kind === 'directory' && last.mode === DIRECTORY_MODE;
  } catch (error) {
    if (!hasCode(error, 'NOT_INJECTABLE')) throw error;
    return false;
  }
}

async function proveAgain(injection: Injection, entry: LedgerEntry): Promise<void> {
  const { directory, rung } = entry;
  const { uploader } = injection.sandbox;
  if (entry.readBack === 'host') await readBackFromHost(injection, directory);
  else if (entry.readBack === 'exec' && uploader === undefined) await readBackByExec(injection, rung, directory);
  else await readBackByEngine(injection, entry);
  await proveHealth(injection, directory);
}

async function readBackFromHost(injection: Injection, directory: string): Promise<void> {
  const { sandbox, artifact } = injection;
  const patience = patienceFor(artifact.tar.size);
  await withDeadline(injection, 'reading back', patience, async (watched) => {
    await readBackByNamespace({ sandbox, artifact, directory, ...watched });
  });
}

async function readBackByEngine(injection: Injection, entry: LedgerEntry): Promise<void> {
  const { sandbox, artifact, signal } = injection;
  for (const path of componentsOf(entry.directory)) {
    const kind = (await sandbox.stat(path))?.kind;
    if (kind !== 'directory') throw differs(`${path} is a ${kind ?? 'hole'} now`);
  }
  const tar = await sandbox.readTar(entry.directory);
  const owner = entry.rung === 'archive' ? sandbox.rootOwner : undefined;
  await verifyReadBack({ artifact, name: posix.basename(entry.directory), tar, owner, signal });
}
