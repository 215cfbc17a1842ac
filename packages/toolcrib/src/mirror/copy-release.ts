import type { AttestationFile } from '../attestations/attestation.ts';
import { digestOf } from '../core/digest.ts';
import type { ToolcribError } from '../core/errors.ts';
import { sumsOfManifest } from '../core/release.ts';
import type { Reporter } from '../core/reporter.ts';
import { differentNames } from '../core/sums.ts';
import { listVersions } from '../releases/published-versions.ts';
import { notGivenOut, readStoredBytes } from '../releases/stored-file.ts';
import { contradiction, readManifest, readStoredSums } from '../releases/stored-release.ts';
import { takenVersion } from '../releases/taken-version.ts';
import {
  runTransaction,
  type FileOutcome,
  type KeptAttestation,
  type TransactionStep,
} from '../releases/transaction.ts';
import type { Store } from '../stores/store.ts';
import type { CopiedRelease } from './copied-release.ts';

/** What became of a release in a store. */
export interface CopyReport {
  readonly files: readonly Omit<FileOutcome, 'url'>[];
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
}

/**
 * Brings a release into a store as a transaction. Unlike a publication it may add a version below the highest one: it
 * brings nothing new, only what was published before.
 * @throws ConflictError `VERSION_TAKEN`; what `judgeKept` throws; as `runTransaction`.
 */
export async function copyRelease(release: CopiedRelease, store: Store, options: CopyOptions): Promise<CopyReport> {
  const copy: Copy = { ...options, release, store };
  const names = await survey(copy);
  const outcomes = await runTransaction({
    ...release,
    ...options,
    store,
    steps: release.files.map((file): TransactionStep => {
      return {
        name: file.name,
        role: file.role,
        action: names.ofVersion.includes(file.name) ? 'keep' : 'create',
        file,
      };
    }),
    verb: 'copying',
    taken: (different, cause) => taken(copy, different, cause),
    readKept: (step) => readKept(step, copy),
  });
  return {
    files: outcomes.map(({ name, role, outcome }) => ({ name, role, outcome })),
    alreadyThere: release.files.every(({ name }) => names.ofVersion.includes(name)),
    highest: names.highest,
  };
}

/**
 * Looks at what the store has.
 * @returns names of the files of this version; a higher complete version, or null.
 */
async function survey(copy: Copy): Promise<{ ofVersion: readonly string[]; highest: number | null }> {
  const { release, store, signal } = copy;
  const { tool, version, sums } = release;
  const { versions, shown } = await listVersions(store, tool, { signal });
  const claim = await readStoredSums(store, release, { signal, hiddenIsMissing: true });
  const manifest = await readManifest(store, release, { signal, hiddenIsMissing: true });
  const contradicting = claim && manifest ? differentNames(claim, sumsOfManifest(manifest)) : [];
  if (contradicting.length > 0) throw contradiction(store, release, contradicting);
  const theirs = claim ?? (manifest && sumsOfManifest(manifest));
  const different = theirs === undefined ? [] : differentNames(theirs, sums);
  if (different.length > 0) throw taken(copy, different);
  const highest = shown.at(-1) ?? 0;
  return { ofVersion: versions.get(version) ?? [], highest: highest > version ? highest : null };
}

function taken({ release, store }: Copy, different: readonly string[], cause?: unknown): ToolcribError {
  const hint = 'published versions are immutable: find out which of the two stores is wrong; nothing was copied over';
  return takenVersion(release, { where: store.reference, different, hint, cause });
}

/**
 * A release is the same when its artifacts are (formats.md 4): who signed it twice has two attestations, and what is
 * published stays.
 */
async function readKept({ name, file }: TransactionStep, copy: Copy): Promise<KeptAttestation> {
  const { store, reporter, signal } = copy;
  const bytes = await readStoredBytes(store, name, { signal });
  if (bytes === undefined) throw notGivenOut(store, name);
  if (digestOf(bytes) === file?.digest) return { name, bytes, outcome: 'same' };
  copy.judgeKept({ name, bytes });
  reporter.notice({
    kind: 'warning',
    text: `${store.reference} has another ${name}, which stays`,
    hint: 'both were verified by the policy of this project, if it has one',
  });
  return { name, bytes, outcome: 'kept' };
}
