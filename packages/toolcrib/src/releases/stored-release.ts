import { hasCode, IntegrityError } from '../core/errors.ts';
import { releaseManifestName, storedSumsName } from '../core/release-names.ts';
import { parseReleaseManifest, sumsOfManifest, type ReleaseManifest } from '../core/release.ts';
import { differentNames, parseSums, type Sums } from '../core/sums.ts';
import { readStoredText, type ReadableStore, type ReadOptions } from './stored-file.ts';

/** One version of one tool. */
export interface ReleaseId {
  readonly tool: string;
  readonly version: number;
}

/** A complete release as its store tells it; its two accounts agree. */
export interface StoredRelease {
  readonly manifest: ReleaseManifest;
  readonly sums: Sums;
}

type Options = Pick<ReadOptions, 'signal' | 'hiddenIsMissing'>;

/**
 * Reads what a store says of a release. Nothing of it is verified against a pin, and artifacts are not read: whoever
 * uses one compares its bytes with the pin in git.
 * @returns undefined when there is no manifest: no such release, or one that is not complete.
 * @throws IntegrityError `MALFORMED` (also when manifest and stored sums contradict each other), `VERSION_MISMATCH`,
 * `TOO_LARGE`; as `Fetcher.fetch`.
 */
export async function readRelease(
  store: ReadableStore,
  id: ReleaseId,
  options: Options = {},
): Promise<StoredRelease | undefined> {
  const manifest = await readManifest(store, id, options);
  if (manifest === undefined) return undefined;
  const sums = await readStoredSums(store, id, options);
  const different = sums === undefined ? undefined : differentNames(sums, sumsOfManifest(manifest));
  if (sums !== undefined && different?.length === 0) return { manifest, sums };
  throw contradiction(store, id, different);
}

/** Two accounts of one release that do not agree: somebody changed the store. */
export function contradiction(
  store: ReadableStore,
  { tool, version }: ReleaseId,
  different: readonly string[] | undefined,
): IntegrityError {
  const how = different === undefined ? 'has no stored sums' : `contradicts its stored sums in ${different.join(', ')}`;
  return new IntegrityError('MALFORMED', `the manifest of ${tool} v${version} in ${store.reference} ${how}`, {
    hint: 'this release was tampered with or damaged: compare with the sums file in git and publish a new version',
    details: { tool, version, different: different ?? [] },
  });
}

/**
 * Reads the stored sums: the claim on a version.
 * @returns undefined when there are none.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`; as `Fetcher.fetch`.
 */
export async function readStoredSums(
  store: ReadableStore,
  id: ReleaseId,
  options: Options = {},
): Promise<Sums | undefined> {
  const text = await readStoredText(store, storedSumsName(id.tool, id.version), options);
  return text === undefined ? undefined : parseStoredSums(text, store, id);
}

/**
 * Reads the text of stored sums.
 * @throws IntegrityError `MALFORMED`.
 */
export function parseStoredSums(text: string, store: ReadableStore, id: ReleaseId): Sums {
  const name = storedSumsName(id.tool, id.version);
  try {
    const sums = parseSums(text, name, id);
    if (sums.size > 0) return sums;
  } catch (error) {
    if (!hasCode(error, 'SUMS_INVALID')) throw error;
    throw malformedSums(store, error.message, error);
  }
  throw malformedSums(store, `${name} is empty`);
}

function malformedSums(store: ReadableStore, what: string, cause?: Error): IntegrityError {
  return new IntegrityError('MALFORMED', `${store.reference} holds stored sums that are none: ${what}`, {
    hint: 'the store was damaged: take that version as used up and publish the next one',
    cause,
  });
}

/**
 * Reads the manifest.
 * @returns undefined when there is none.
 * @throws IntegrityError `MALFORMED`, `VERSION_MISMATCH`, `TOO_LARGE`; as `Fetcher.fetch`.
 */
export async function readManifest(
  store: ReadableStore,
  id: ReleaseId,
  options: Options = {},
): Promise<ReleaseManifest | undefined> {
  const text = await readStoredText(store, releaseManifestName(id.tool, id.version), options);
  return text === undefined ? undefined : parseStoredManifest(text, store, id);
}

/**
 * Reads the text of a manifest.
 * @throws IntegrityError `MALFORMED`, `VERSION_MISMATCH`.
 */
export function parseStoredManifest(text: string, store: ReadableStore, { tool, version }: ReleaseId): ReleaseManifest {
  const name = releaseManifestName(tool, version);
  const manifest = parseReleaseManifest(text, `${name} in ${store.reference}`);
  if (manifest.tool === tool && manifest.version === version) return manifest;
  const actual = `${manifest.tool} v${manifest.version}`;
  throw new IntegrityError('VERSION_MISMATCH', `${name} in ${store.reference} is the manifest of ${actual}`, {
    hint: 'the store answers with a release that was not asked for: do not use it',
    details: { expected: `${tool} v${version}`, actual },
  });
}
