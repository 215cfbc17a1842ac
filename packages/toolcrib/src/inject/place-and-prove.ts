import { SandboxError } from '../core/errors.ts';
import { formatTarget } from '../core/target.ts';
import type { Sandbox } from '../sandboxes/sandbox.ts';
import type { InjectableArtifact } from './artifact.ts';
import { isWrittenByRoot, outsideInReach, type CopyingCandidate } from './attempts.ts';
import { patienceFor, withDeadline } from './deadline.ts';
import { examineAgain } from './examine-parent.ts';
import { verifyHealth } from './health-check.ts';
import type { Injection } from './injection.ts';
import type { LedgerEntry } from './ledger.ts';
import type { Placement, Rung } from './placement.ts';
import { protectionOf } from './protection.ts';
import { verifyReadBack } from './read-back.ts';
import { placeByArchive } from './rungs/archive.ts';
import { directoryOf, type Attempt } from './rungs/attempt.ts';
import { placeByCat, readBackByCat } from './rungs/exec-cat.ts';
import { placeByTar, readBackByTar } from './rungs/exec-tar.ts';
import { placeByNamespace } from './rungs/namespace.ts';
import { directoriesOf } from './tree.ts';

const COPY = { 'exec-tar': placeByTar, 'exec-cat': placeByCat };

/**
 * Places by one way and proves it. What was written before a failure is still there.
 * @throws SandboxError `NOT_INJECTABLE`, `EXEC_FAILED`: this way is not usable; everything else ends the injection.
 */
export async function placeAndProve(
  injection: Injection,
  candidate: CopyingCandidate,
  name: string,
  uid: number | undefined,
): Promise<{ readonly placement: Placement; readonly entry: LedgerEntry }> {
  const { sandbox, artifact, signal, reporter } = injection;
  const progress = reporter.progress(`inject ${artifact.tool} into ${sandbox.reference}`, artifact.tar.size);
  const attempt: Attempt = { ...candidate, sandbox, artifact, name, progress, signal, moved: () => undefined };
  const raced = raceOf(sandbox, candidate, uid);
  if (raced !== undefined) {
    const hint = 'give the sandbox a working tar, another user than root, or no writable mount';
    reporter.notice({ kind: 'warning', text: `while ${sandbox.reference} is written, ${raced}`, hint });
  }
  try {
    await place(injection, attempt, uid);
    const readBack = await prove(injection, attempt, candidate);
    return describe(injection, candidate, directoryOf(attempt), uid, readBack);
  } finally {
    progress.end();
  }
}

/** A danger while somebody else than the user of the sandbox writes; nothing that is examined before or after helps. */
function raceOf(sandbox: Sandbox, candidate: CopyingCandidate, uid: number | undefined): string | undefined {
  const outside = outsideInReach(sandbox, uid);
  const isSafe = candidate.rung !== 'archive' && candidate.user === undefined;
  if (outside === undefined || isSafe) return undefined;
  return `root in the sandbox can lead what writes into ${outside}, which is outside of it`;
}

/** The engine ends by itself; programs of the sandbox only if it is not hostile. */
async function place(injection: Injection, attempt: Attempt, uid: number | undefined): Promise<void> {
  const { rung, artifact, progress } = attempt;
  if (rung === 'archive') {
    await placeByArchive(attempt);
    return;
  }
  await withDeadline(injection, 'placing', patienceFor(artifact.tar.size), async (watched) => {
    const advance = (bytes: number) => {
      watched.moved();
      progress.advance(bytes);
    };
    const moving = { ...attempt, ...watched, progress: { advance, end: () => progress.end() } };
    await (rung === 'namespace' ? placeByNamespace(moving, uid) : COPY[rung](moving));
  });
}

/**
 * Both proofs at once, because each waits for the engine most of the time. Whatever answers the health check runs in
 * the sandbox as its own user, which could run anything there before; it counts only if the bytes were right, too.
 * @returns who could read the tree back.
 */
async function prove(
  injection: Injection,
  attempt: Attempt,
  candidate: CopyingCandidate,
): Promise<Placement['readBack']> {
  const bytes = proveBytes(injection, attempt, candidate);
  const health = proveHealth(injection, directoryOf(attempt));
  await Promise.allSettled([bytes, health]);
  const readBack = await bytes;
  await health;
  return readBack;
}

/** @returns who could read the tree back. */
async function proveBytes(
  injection: Injection,
  attempt: Attempt,
  candidate: CopyingCandidate,
): Promise<Placement['readBack']> {
  if (candidate.rung === 'namespace') return 'host'; // it was read back before it was left there
  const { sandbox, artifact, examination, name, signal } = attempt;
  const directory = directoryOf(attempt);
  const byEngine = examination.mount?.kind === 'tmpfs' ? undefined : await sandbox.readTar(directory);
  if (byEngine !== undefined || candidate.rung === 'archive') {
    const asRoot = candidate.rung === 'archive' || candidate.user === '0';
    const owner = asRoot ? sandbox.rootOwner : undefined;
    await verifyReadBack({ artifact, name, tar: byEngine, owner, signal });
    const changed = await examineAgain(sandbox, examination, directory);
    if (changed !== undefined) throw new SandboxError('NOT_INJECTABLE', `after placing, ${changed}`);
    return sandbox.uploader === undefined ? 'engine' : 'exec';
  }
  await readBackByExec(injection, candidate.rung, directory);
  return 'exec';
}

/** Where the engine cannot look: through the programs that placed it. */
export async function readBackByExec(injection: Injection, rung: Rung, directory: string): Promise<void> {
  const { sandbox, artifact } = injection;
  const read = rung === 'exec-cat' ? readBackByCat : readBackByTar;
  const patience = patienceFor(artifact.tar.size);
  await withDeadline(injection, 'reading back', patience, async (watched) => {
    await read({ sandbox, artifact, directory, ...watched });
  });
}

/** What is no program is healthy when its bytes are there. @throws as {@link verifyHealth}. */
export async function proveHealth(injection: Injection, directory: string): Promise<void> {
  const { sandbox, artifact, clock, random, signal } = injection;
  if (artifact.isData === true) return;
  const nonce = Buffer.from(random(16)).toString('hex');
  const placement = { directory, command: commandOf(sandbox, artifact, directory) };
  await verifyHealth({ sandbox, artifact, placement, nonce, clock, signal });
}

/** The entry point as programs in the sandbox see it: what exists in the tree is a path in the placement. */
export function commandOf(sandbox: Sandbox, artifact: InjectableArtifact, directory: string): readonly string[] {
  const { files, links = [] } = artifact.tar;
  const tree = new Set([
    ...files.map(({ path }) => path),
    ...links.map(({ path }) => path),
    ...directoriesOf(artifact),
  ]);
  const root = sandbox.programPath(directory);
  return artifact.descriptor.entrypoint.map((element) => (tree.has(element) ? `${root}/${element}` : element));
}

function describe(
  injection: Injection,
  candidate: CopyingCandidate,
  directory: string,
  uid: number | undefined,
  readBack: Placement['readBack'],
): { readonly placement: Placement; readonly entry: LedgerEntry } {
  const { examination, rung } = candidate;
  const placedAsRoot = isWrittenByRoot(candidate, uid);
  const toldByItself = injection.sandbox.uploader !== undefined;
  const isLocal = injection.sandbox.identity.isolation !== undefined;
  const stated = protectionOf({ examination, uid, placedAsRoot, readBack, toldByItself, isLocal });
  const raced = raceOf(injection.sandbox, candidate, uid);
  const reasons = [stated.why, ...(raced === undefined ? [] : [`while it was written, ${raced}`])];
  const why = [...reasons, ...isolationOf(injection.sandbox)].join('; ');
  const entry = { directory, rung, ...stated, why, readBack, provenAt: injection.clock.now() };
  return { entry, placement: placementFrom(injection, entry) };
}

/** A local directory is a sandbox in name only, unless something makes it one. */
function isolationOf({ identity }: Sandbox): readonly string[] {
  if (identity.isolation === undefined) return [];
  return [identity.isolation === 'none' ? 'nothing isolates its programs' : 'bubblewrap isolates its programs'];
}

/** A placement that the ledger knows, as callers see it. */
export function placementFrom(injection: Injection, entry: LedgerEntry): Placement {
  const { sandbox, artifact } = injection;
  return {
    sandbox: sandbox.reference,
    tool: artifact.tool,
    version: artifact.version,
    target: formatTarget(artifact.target),
    digest: artifact.digest,
    directory: entry.directory,
    command: commandOf(sandbox, artifact, entry.directory),
    rung: entry.rung,
    protection: entry.protection,
    why: entry.why,
    readBack: entry.readBack,
    provenAt: entry.provenAt,
    reused: false,
    plan: [],
  };
}
