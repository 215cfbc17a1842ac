import type { AttestationFile } from '../attestations/attestation.ts';
import { digestOf } from '../core/digest.ts';
import { ConflictError, hasCode, IntegrityError } from '../core/errors.ts';
import { releaseManifestName, storedSumsName, sumsOfManifest } from '../core/release.ts';
import type { Reporter } from '../core/reporter.ts';
import { differentNames, type Sums } from '../core/sums.ts';
import type { MeasuredFile } from '../disk/digest-file.ts';
import { listVersions } from '../releases/published-versions.ts';
import { notGivenOut, readStoredBytes, verifyStoredFile } from '../releases/stored-file.ts';
import {
  contradiction,
  parseStoredManifest,
  parseStoredSums,
  readManifest,
  readStoredSums,
} from '../releases/stored-release.ts';
import type { Store } from '../stores/store.ts';
import type { CopiedFile, CopiedRelease } from './copied-release.ts';

/** What became of one file; `kept`: the store has another attestation under that name, which stays. */
export interface CopyOutcome {
  readonly name: string;
  readonly role: CopiedFile['role'];
  readonly outcome: 'created' | 'same' | 'kept';
}

/** What became of a release in a store. */
export interface CopyReport {
  readonly files: readonly CopyOutcome[];
  /** True when the store held the whole release before. */
  readonly alreadyThere: boolean;
  /** A higher version that the store had before; null when there was none. */
  readonly highest: number | null;
}

/** What copying needs from outside. */
export interface CopyOptions {
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** Judges an attestation that the store had before, with other bytes; throws what speaks against it. */
  readonly judgeKept: (attestation: AttestationFile) => void;
}

interface Copy extends CopyOptions {
  readonly release: CopiedRelease;
  readonly store: Store;
  /** What the store gave back, by file name; filled as it goes. */
  readonly stored: Map<string, MeasuredFile>;
}

/**
 * Brings a release into a store as a transaction (formats.md 4): stored sums, artifacts, attestations, each read back, the
 * manifest last; then the store is asked whose release it has. Killed at any point and repeated, it completes. Unlike a
 * publication it may add a version below the highest one: it brings nothing new, only what was published before.
 * @throws ConflictError `VERSION_TAKEN`; IntegrityError when the store gives back other bytes than it was given, or
 * contradicts itself; what `obtain` and `judgeKept` throw; RemoteError; the signal's reason.
 */
export async function copyRelease(release: CopiedRelease, store: Store, options: CopyOptions): Promise<CopyReport> {
  const copy: Copy = { ...options, release, store, stored: new Map() };
  const names = await survey(copy);
  const files = await doubting(copy, async () => {
    const done: CopyOutcome[] = [];
    for (const file of release.files) {
      options.signal?.throwIfAborted();
      done.push(await carryOut(file, names.ofVersion.includes(file.name), copy));
    }
    await complete(copy);
    return done;
  });
  return {
    files,
    alreadyThere: release.files.every(({ name }) => names.ofVersion.includes(name)),
    highest: names.highest,
  };
}

/**
 * Looks at what the store has.
 * @returns names of the files of this version; a higher complete version, or null.
 */
async function survey({
  release,
  store,
  signal,
}: Copy): Promise<{ ofVersion: readonly string[]; highest: number | null }> {
  const { tool, version, sums } = release;
  const { versions, shown } = await listVersions(store, tool, { signal });
  const claim = await readStoredSums(store, release, { signal });
  const manifest = await readManifest(store, release, { signal });
  const different = claim && manifest && differentNames(claim, sumsOfManifest(manifest));
  if (different !== undefined && different.length > 0) throw contradiction(store, release, different);
  const theirs = claim ?? (manifest && sumsOfManifest(manifest));
  if (theirs !== undefined) refuseOther(theirs, sums, release, store);
  const highest = shown.at(-1) ?? 0;
  return { ofVersion: versions.get(version) ?? [], highest: highest > version ? highest : null };
}

function refuseOther(theirs: Sums, ours: Sums, { tool, version }: CopiedRelease, store: Store, cause?: unknown): void {
  const different = differentNames(theirs, ours);
  if (different.length === 0) return;
  const what = `${tool} v${version} in ${store.reference} is taken by other bytes: ${different.join(', ')}`;
  throw new ConflictError('VERSION_TAKEN', what, {
    hint: 'published versions are immutable: find out which of the two stores is wrong; nothing was copied over',
    details: { tool, version, different },
    cause,
  });
}

/** Creates what is not there, and reads back in any case: what a store says is not believed. */
async function carryOut(file: CopiedFile, isThere: boolean, copy: Copy): Promise<CopyOutcome> {
  const { reporter, store } = copy;
  const { name, role } = file;
  // Where two can both go on until the end, the later one finds out before it makes a release complete.
  if (role === 'manifest' && store.guarantee === 'detected') await verifyClaim(copy);
  reporter.notice({ kind: 'step', text: `${isThere ? 'checking' : 'copying'} ${name}` });
  const created = !isThere && (await create(file, copy)) === 'created';
  const same = await readBack(file, created, copy);
  return { name, role, outcome: created ? 'created' : same };
}

async function create(file: CopiedFile, { store, signal, reporter }: Copy): Promise<'created' | 'exists'> {
  await using source = await file.obtain();
  const progress = reporter.progress(file.name, source.size);
  try {
    const open = () => counting(source.open(), (bytes) => progress.advance(bytes));
    return await store.create(file.name, { digest: source.digest, size: source.size, open }, signal ? { signal } : {});
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

async function readBack(file: CopiedFile, created: boolean, copy: Copy): Promise<'same' | 'kept'> {
  if (file.role === 'claim') await verifyClaim(copy);
  else if (file.role === 'manifest') await verifyManifest(copy);
  else if (file.role === 'attestation' && !created) return await compareAttestation(file, copy);
  else await verifyFile(file, copy, { byName: false });
  return 'same';
}

/** @param options.byName true: what stands under the name, also where the store keeps by digest. */
async function verifyFile(
  { name, digest, size }: CopiedFile,
  { store, stored, signal }: Copy,
  options: { readonly byName: boolean },
): Promise<void> {
  await verifyStoredFile(store, name, { digest, size }, { ...options, signal });
  stored.set(name, { digest, size });
}

/**
 * A release is the same when its artifacts are (formats.md 4): who signed it twice has two attestations, and what is
 * published stays.
 */
async function compareAttestation(file: CopiedFile, copy: Copy): Promise<'same' | 'kept'> {
  const bytes = await readText(file.name, copy);
  if (digestOf(bytes) === file.digest) return 'same';
  copy.judgeKept({ name: file.name, bytes });
  const text = `${copy.store.reference} has another ${file.name}, which stays`;
  copy.reporter.notice({
    kind: 'warning',
    text,
    hint: 'both were verified by the policy of this project, if it has one',
  });
  return 'kept';
}

async function verifyClaim(copy: Copy): Promise<void> {
  const { store, release } = copy;
  const text = await readText(storedSumsName(release.tool, release.version), copy);
  refuseOther(parseStoredSums(text.toString('utf8'), store, release), release.sums, release, store);
}

async function verifyManifest(copy: Copy): Promise<void> {
  const { store, release } = copy;
  const text = await readText(releaseManifestName(release.tool, release.version), copy);
  const manifest = parseStoredManifest(text.toString('utf8'), store, release);
  const different = differentNames(sumsOfManifest(manifest), release.sums);
  if (different.length > 0) throw contradiction(store, release, different);
}

async function readText(name: string, { store, stored, signal }: Copy): Promise<Buffer> {
  const bytes = await readStoredBytes(store, name, { signal });
  if (bytes === undefined) throw notGivenOut(store, name);
  stored.set(name, { digest: digestOf(bytes), size: bytes.byteLength });
  return bytes;
}

/** Makes the release visible, and asks once more whose it is: a store may let two publishers go on until here. */
async function complete(copy: Copy): Promise<void> {
  const { release, store, stored, signal } = copy;
  const { tool, version, notes } = release;
  const files = release.files.flatMap(({ name }) => {
    const bytes = stored.get(name);
    return bytes === undefined ? [] : [{ name, ...bytes }];
  });
  const outcome = await store.complete({ tool, version, files, notes }, signal ? { signal } : {});
  await verifyClaim(copy);
  if (outcome === 'lost') throw contradictoryOutcome(release, store);
  if (store.guarantee === 'detected') {
    const artifacts = release.files.filter(({ role }) => role === 'artifact');
    for (const file of artifacts) await verifyFile(file, copy, { byName: true });
  }
  await verifyManifest(copy);
}

/** The claim was read just now, and is of these bytes: whoever the store speaks of would have another. */
function contradictoryOutcome({ tool, version }: CopiedRelease, store: Store): IntegrityError {
  const what =
    `${store.reference} says that another publisher completed ${tool} v${version}, ` +
    'but gives out the stored sums of the release that was copied here';
  return new IntegrityError('MALFORMED', what, {
    hint: 'somebody changed that release meanwhile: repeat the command, which compares everything that is there again',
    details: { tool, version },
  });
}

/**
 * A store that lets two publishers go on may give the one the other's bytes, or refuse to go on. Whose the version is
 * stands in the claim: when that is somebody else's, that is what happened.
 */
async function doubting<T>(copy: Copy, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { store, release, signal } = copy;
    if (store.guarantee !== 'detected') throw error;
    if (!(error instanceof IntegrityError) && !hasCode(error, 'REMOTE_REFUSED')) throw error;
    const theirs = await readStoredSums(store, release, { signal }).catch((failure: unknown) => {
      if (failure instanceof IntegrityError || hasCode(failure, 'REMOTE_REFUSED', 'UNREACHABLE')) return undefined;
      throw failure;
    });
    if (theirs !== undefined) refuseOther(theirs, release.sums, release, store, error);
    throw error;
  }
}
