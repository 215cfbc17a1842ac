import { digestOf } from '../core/digest.ts';
import type { ToolcribError } from '../core/errors.ts';
import { releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { sumsOfManifest } from '../core/release.ts';
import { differentNames, type Sums } from '../core/sums.ts';
import type { MeasuredFile } from '../disk/digest-file.ts';
import type { Store } from '../stores/store.ts';
import type { OutgoingFile } from './outgoing-file.ts';
import { notGivenOut, readStoredBytes, verifyStoredFile } from './stored-file.ts';
import { contradiction, parseStoredManifest, parseStoredSums, type ReleaseId } from './stored-release.ts';

/** What is needed to know to read a release back while it comes to be, and what is learnt of it. */
export interface ReadingBack extends ReleaseId {
  readonly sums: Sums;
  readonly store: Store;
  readonly signal?: AbortSignal | undefined;
  /** What the store gave back, by file name; filled as it goes. */
  readonly stored: Map<string, MeasuredFile>;
  /** The error for a version that somebody else has. @param different names of files with other digests there. */
  readonly taken: (different: readonly string[], cause?: unknown) => ToolcribError;
}

/**
 * Reads a file that has to be there exactly as it is here.
 * @param options.byName true: what stands under the name, also where the store keeps by digest.
 * @returns where it came from, after rewrites.
 * @throws as `verifyStoredFile`.
 */
export async function readExactly(
  { name, digest, size }: Pick<OutgoingFile, 'name' | 'digest' | 'size'>,
  { store, stored, signal }: ReadingBack,
  options: { readonly byName: boolean },
): Promise<string> {
  const url = await verifyStoredFile(store, name, { digest, size }, { ...options, signal });
  stored.set(name, { digest, size });
  return url;
}

/**
 * Reads the stored sums. They are the same when their digests are: another publisher of the same bytes may have written
 * them.
 * @throws what `taken` makes; as `parseStoredSums`; RemoteError; the signal's reason.
 */
export async function readClaim(reading: ReadingBack): Promise<void> {
  const { store, sums, taken } = reading;
  const text = await readText(storedSumsName(reading.tool, reading.version), reading);
  const different = differentNames(parseStoredSums(text, store, reading), sums);
  if (different.length > 0) throw taken(different);
}

/**
 * Reads the manifest. As with the claim; what else it says, another publisher may have written.
 * @throws IntegrityError `MALFORMED` when it contradicts the sums; as `parseStoredManifest`; RemoteError; the signal's
 * reason.
 */
export async function readFinalManifest(reading: ReadingBack): Promise<void> {
  const { store, sums } = reading;
  const text = await readText(releaseManifestName(reading.tool, reading.version), reading);
  const different = differentNames(sumsOfManifest(parseStoredManifest(text, store, reading)), sums);
  if (different.length > 0) throw contradiction(store, reading, different);
}

async function readText(name: string, { store, stored, signal }: ReadingBack): Promise<string> {
  const bytes = await readStoredBytes(store, name, { signal });
  if (bytes === undefined) throw notGivenOut(store, name);
  stored.set(name, { digest: digestOf(bytes), size: bytes.byteLength });
  return bytes.toString('utf8');
}
