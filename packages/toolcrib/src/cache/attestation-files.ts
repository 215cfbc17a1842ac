import { join } from 'node:path';
import { artifactNameFrom } from '../core/artifact-name.ts';
import { digestHex, digestOf, type Digest } from '../core/digest.ts';
import { hasCode, IntegrityError } from '../core/errors.ts';
import { ATTESTATION_SUFFIXES, attestedName } from '../core/release-names.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallFile } from '../disk/small-file.ts';
import { sweepTemporaries } from '../disk/temporary.ts';
import { createSmallFileOnce, ensureDirectory, writeFileAtomically } from '../disk/write-file.ts';
import { recordUseUnlocked } from './last-use.ts';
import { layoutOf } from './layout.ts';
import { listDirectory } from './list-directory.ts';

/** A larger attestation, in bytes, is neither kept nor read. Those of Sigstore have about 10,000. */
export const MAX_ATTESTATION_BYTES = 1024 * 1024;

/** An artifact of one digest may go by several names, one for each version that ships it; more files are not read. */
const MAX_FILES = 64;

/** How often saving is tried while collections run. */
const ATTEMPTS = 3;

/** An attestation as a file: the name of its artifact and one of `ATTESTATION_SUFFIXES`. */
export interface KeptAttestation {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How attestations are kept. */
export interface SaveOptions {
  /** Wall clock, milliseconds since 1970. */
  readonly now: number;
  /**
   * True for who verified them: they take the place of other bytes under the same name. Without it what is there stays,
   * so that nobody can push out an attestation that verifies by one that does not.
   */
  readonly replace?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What became of one attestation; `kept`: other bytes stand under that name, and stayed. */
export interface SavedAttestation {
  readonly name: string;
  readonly outcome: 'created' | 'same' | 'replaced' | 'kept';
}

/** True for the name of an attestation of a released artifact. */
export function isAttestationName(name: string): boolean {
  const artifact = artifactNameFrom(attestedName(name) ?? '');
  return artifact?.dev === false;
}

/**
 * Keeps attestations of one artifact by its digest: formats.md 5. Nothing of them is verified here. Each file is there
 * whole or not at all.
 * @param cacheDirectory absolute path of the cache.
 * @throws IntegrityError `MALFORMED` for another name than that of an attestation, `TOO_LARGE`, before anything is
 * written; RemoteError `STORAGE`; the signal's reason.
 */
export async function saveAttestations(
  cacheDirectory: string,
  digest: Digest,
  files: readonly KeptAttestation[],
  options: SaveOptions,
): Promise<readonly SavedAttestation[]> {
  for (const file of files) verifyFile(file);
  if (files.length === 0) return [];
  const directory = directoryOf(cacheDirectory, digest);
  for (let attempt = 1; ; attempt++) {
    try {
      return await saveIn(directory, files, options);
    } catch (error) {
      if (attempt === ATTEMPTS || !isLostDirectory(error)) throw error;
    }
  }
}

/** A collection may take the directory away while it is still empty. */
function isLostDirectory(error: unknown): boolean {
  return hasCode(error, 'STORAGE') && error.details['system'] === 'ENOENT';
}

async function saveIn(
  directory: string,
  files: readonly KeptAttestation[],
  options: SaveOptions,
): Promise<readonly SavedAttestation[]> {
  await ensureDirectory(directory);
  await recordUseUnlocked(directory, options.now);
  await sweepTemporaries(directory, { now: options.now });
  const saved: SavedAttestation[] = [];
  for (const file of files) saved.push({ name: file.name, outcome: await save(directory, file, options) });
  return saved;
}

/**
 * Reads what attestations are kept of an artifact, by name; none when there are none. Nothing of them is verified. What
 * cannot be an attestation that was kept (another name, a link, a file too large) is passed over: `cache verify` tells it.
 * @param cacheDirectory absolute path of the cache.
 * @param options.now wall clock, milliseconds since 1970, of a use that keeps them from being collected; absent for who
 * only looks.
 * @throws RemoteError `STORAGE`.
 */
export async function readAttestations(
  cacheDirectory: string,
  digest: Digest,
  { now }: { readonly now?: number } = {},
): Promise<readonly KeptAttestation[]> {
  const directory = directoryOf(cacheDirectory, digest);
  if (now !== undefined) await recordUseUnlocked(directory, now);
  const names = (await listDirectory(directory))
    .map((entry) => entry.name)
    .filter(isAttestationName)
    .slice(0, MAX_FILES);
  const files: KeptAttestation[] = [];
  for (const name of names) {
    const bytes = await readKept(join(directory, name));
    if (bytes !== undefined) files.push({ name, bytes });
  }
  return files;
}

function directoryOf(cacheDirectory: string, digest: Digest): string {
  return join(layoutOf(cacheDirectory).attestations, digestHex(digest));
}

function verifyFile({ name, bytes }: KeptAttestation): void {
  if (!isAttestationName(name)) {
    const expected = ATTESTATION_SUFFIXES.map((suffix) => `ARTIFACT${suffix}`).join(' or ');
    throw new IntegrityError('MALFORMED', `${JSON.stringify(name.slice(0, 300))} is not the name of an attestation`, {
      hint: `expected ${expected}`,
    });
  }
  if (bytes.byteLength <= MAX_ATTESTATION_BYTES) return;
  throw new IntegrityError('TOO_LARGE', `${name} has ${bytes.byteLength} bytes, more than ${MAX_ATTESTATION_BYTES}`, {
    hint: 'that is no attestation: look at where it comes from',
  });
}

async function save(
  directory: string,
  { name, bytes }: KeptAttestation,
  { replace = false, signal }: SaveOptions,
): Promise<SavedAttestation['outcome']> {
  const path = join(directory, name);
  if ((await createSmallFileOnce(path, bytes, { signal })) === 'created') return 'created';
  const there = await readKept(path);
  if (there !== undefined && digestOf(there) === digestOf(bytes)) return 'same';
  // What cannot be read as an attestation helps nobody by staying.
  if (there !== undefined && !replace) return 'kept';
  await writeFileAtomically(path, bytes, { signal });
  return 'replaced';
}

/** Undefined for what was removed meanwhile, and for what is no file that {@link saveAttestations} wrote. */
async function readKept(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readSmallFile(path, MAX_ATTESTATION_BYTES, { followLinks: false });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE') || isIrregular(error)) return undefined;
    throw error;
  }
}
