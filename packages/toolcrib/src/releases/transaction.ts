import type { AttestationFile } from '../attestations/attestation.ts';
import { digestOf } from '../core/digest.ts';
import { ConflictError, hasCode, IntegrityError } from '../core/errors.ts';
import type { Reporter } from '../core/reporter.ts';
import { differentNames } from '../core/sums.ts';
import type { FileRole, OutgoingFile } from './outgoing-file.ts';
import { readClaim, readExactly, readFinalManifest, type ReadingBack } from './read-back.ts';
import { readStoredSums } from './stored-release.ts';

/** One file of a release, in the order in which a release comes to be. */
export interface TransactionStep {
  readonly name: string;
  readonly role: FileRole;
  /** `keep`: the store has it; it is only read back. */
  readonly action: 'create' | 'keep';
  /** What it holds; undefined where only the store has it. */
  readonly file: OutgoingFile | undefined;
}

/** What became of one file; `kept`: the store has another attestation under that name, which stays. */
export interface FileOutcome {
  readonly name: string;
  readonly role: FileRole;
  readonly outcome: 'created' | 'same' | 'kept';
  /** Where an artifact was read back from, after rewrites; null for other files. */
  readonly url: string | null;
}

/** An attestation that was in the store before, and that holds. */
export interface KeptAttestation extends AttestationFile {
  readonly outcome: 'same' | 'kept';
}

/** A release on its way into a store. */
export interface Transaction extends Omit<ReadingBack, 'stored'> {
  /** Stored sums, artifacts, attestations, manifest. */
  readonly steps: readonly TransactionStep[];
  /** What is being done to a file that is not there, for messages: `publishing`. */
  readonly verb: string;
  /** Markdown for stores that show notes beside a release. */
  readonly notes: string;
  readonly reporter: Reporter;
  /** Reads an attestation that the store has, whoever made it, and judges it; throws what speaks against it. */
  readonly readKept: (step: TransactionStep) => Promise<KeptAttestation>;
}

/**
 * Brings a release into a store (formats.md 4): the stored sums claim the version; artifacts and attestations follow, each
 * read back; the manifest comes last and makes it complete; then the store is asked once more whose release it has.
 * Killed at any point and repeated with the same bytes, it completes; with other bytes it changes nothing.
 * @throws what `taken` makes; IntegrityError when the store gives back other bytes than it was given, or contradicts
 * itself; what `obtain` and `readKept` throw; RemoteError; the signal's reason.
 */
export async function runTransaction(transaction: Transaction): Promise<readonly FileOutcome[]> {
  const running: Running = { ...transaction, stored: new Map() };
  return await doubting(running, async () => {
    const done: FileOutcome[] = [];
    for (const step of running.steps) {
      running.signal?.throwIfAborted();
      done.push(await carryOut(step, running));
    }
    await complete(running);
    return done;
  });
}

interface Running extends Transaction, ReadingBack {}

/** Creates what is to be created, and reads back in any case: what a store says is not believed. */
async function carryOut(step: TransactionStep, running: Running): Promise<FileOutcome> {
  const { name, role, action } = step;
  // Where two can both go on until the end, the later one finds out before it makes a release complete.
  if (role === 'manifest' && running.store.guarantee === 'detected') await readClaim(running);
  running.reporter.notice({ kind: 'step', text: `${action === 'keep' ? 'checking' : running.verb} ${name}` });
  const created = action === 'create' && (await create(outgoing(step), running)) === 'created';
  const { outcome, url } = await readBack(step, created, running);
  return { name, role, outcome: created ? 'created' : outcome, url };
}

function outgoing({ name, file }: TransactionStep): OutgoingFile {
  if (file === undefined) throw new Error(`nobody said what ${name} holds`);
  return file;
}

async function create(file: OutgoingFile, { store, signal, reporter }: Running): Promise<'created' | 'exists'> {
  await using source = await file.obtain();
  const { digest, size } = source;
  const progress = reporter.progress(file.name, size);
  try {
    const open = () => counting(source.open(), (bytes) => progress.advance(bytes));
    return await store.create(file.name, { digest, size, open }, signal === undefined ? {} : { signal });
  } finally {
    progress.end();
  }
}

async function* counting(
  bytes: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    yield piece;
    onBytes(piece.byteLength);
  }
}

/** @param created true when the file is ours; else somebody of the same bytes may have written it. */
async function readBack(
  step: TransactionStep,
  created: boolean,
  running: Running,
): Promise<Pick<FileOutcome, 'url'> & Pick<KeptAttestation, 'outcome'>> {
  switch (step.role) {
    case 'claim':
      await readClaim(running);
      return { outcome: 'same', url: null };
    case 'artifact':
      return { outcome: 'same', url: await readExactly(outgoing(step), running, { byName: false }) };
    case 'attestation':
      return { outcome: await readAttestation(step, created, running), url: null };
    case 'manifest':
      await readFinalManifest(running);
      return { outcome: 'same', url: null };
  }
}

/** What we made comes back as it was; what was there holds, whoever made it. */
async function readAttestation(
  step: TransactionStep,
  created: boolean,
  running: Running,
): Promise<KeptAttestation['outcome']> {
  if (created) {
    await readExactly(outgoing(step), running, { byName: false });
    return 'same';
  }
  const { name, bytes, outcome } = await running.readKept(step);
  running.stored.set(name, { digest: digestOf(bytes), size: bytes.byteLength });
  return outcome;
}

/** Makes the release visible, and asks once more whose it is: a store may let two publishers go on until here. */
async function complete(running: Running): Promise<void> {
  const { tool, version, notes, store, stored, steps, signal } = running;
  const files = steps.flatMap(({ name }) => {
    const bytes = stored.get(name);
    return bytes === undefined ? [] : [{ name, ...bytes }];
  });
  const options = signal === undefined ? {} : { signal };
  if ((await store.complete({ tool, version, files, notes }, options)) === 'lost') throw await lost(running);
  await readClaim(running);
  if (store.guarantee === 'detected') {
    const artifacts = steps.filter(({ role }) => role === 'artifact');
    for (const step of artifacts) await readExactly(outgoing(step), running, { byName: true });
  }
  await readFinalManifest(running);
}

async function lost(running: Running): Promise<Error> {
  const { tool, version, sums, store, signal, taken } = running;
  const theirs = await readStoredSums(store, running, { signal });
  const different = differentNames(theirs ?? new Map(), sums);
  if (different.length > 0) return taken(different);
  const what =
    `${store.reference} says that another publisher completed ${tool} v${version}, ` +
    'but gives out the stored sums of the release that came from here';
  return new ConflictError('VERSION_TAKEN', what, {
    hint: 'somebody changed that release meanwhile: repeat the command, which compares everything that is there again',
    details: { tool, version, different },
  });
}

/**
 * A store that lets two publishers go on may give the one the other's bytes, or refuse to go on. Whose the version is
 * stands in the claim: when that is somebody else's, that is what happened.
 */
async function doubting<T>(running: Running, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (running.store.guarantee !== 'detected') throw error;
    if (!(error instanceof IntegrityError) && !hasCode(error, 'REMOTE_REFUSED')) throw error;
    const different = await theirsInstead(running);
    throw different.length === 0 ? error : running.taken(different, error);
  }
}

/** Names that a claim of somebody else gives other digests; none when the claim is ours, or cannot be read. */
async function theirsInstead(running: Running): Promise<readonly string[]> {
  const { store, sums, signal } = running;
  try {
    const theirs = await readStoredSums(store, running, { signal });
    return theirs === undefined ? [] : differentNames(theirs, sums);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof IntegrityError || hasCode(error, 'REMOTE_REFUSED', 'UNREACHABLE')) return [];
    throw error;
  }
}
