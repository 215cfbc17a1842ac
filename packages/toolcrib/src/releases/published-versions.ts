import { hasCode } from '../core/errors.ts';
import { releaseManifestName, releaseOf, storedSumsName } from '../core/release.ts';
import type { Lister } from '../stores/store.ts';
import type { ReadableStore } from './stored-file.ts';
import { readStoredSums } from './stored-release.ts';

/** A version that somebody claimed and did not complete. */
export interface AbandonedVersion {
  readonly version: number;
  /** Names that were claimed; undefined when the stored sums cannot be read as such. */
  readonly claimed: readonly string[] | undefined;
  /** Claimed names that are there already. */
  readonly present: readonly string[];
  readonly missing: readonly string[];
}

/** What a store holds of one tool, ascending. */
export interface PublishedVersions {
  /** Versions with a claim and a manifest. */
  readonly complete: readonly number[];
  readonly abandoned: readonly AbandonedVersion[];
}

/** Names of a tool's files by version, ascending. */
export type NamesByVersion = ReadonlyMap<number, readonly string[]>;

/**
 * @throws RemoteError as `Lister.list` and `Fetcher.fetch`.
 */
export async function publishedVersions(
  store: ReadableStore & Lister,
  tool: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<PublishedVersions> {
  const complete: number[] = [];
  const abandoned: AbandonedVersion[] = [];
  for (const [version, names] of await listVersions(store, tool, options.signal)) {
    if (!names.includes(storedSumsName(tool, version))) continue;
    if (names.includes(releaseManifestName(tool, version))) complete.push(version);
    else abandoned.push(await describeAbandoned(store, { tool, version }, names, options));
  }
  return { complete, abandoned };
}

/** Files of one tool; those of a tool whose name begins the same way are left out. */
export async function listVersions(
  store: Lister,
  tool: string,
  signal: AbortSignal | undefined,
): Promise<NamesByVersion> {
  const byVersion = new Map<number, string[]>();
  for (const name of await store.list(`${tool}-`, signal === undefined ? {} : { signal })) {
    const release = releaseOf(name);
    if (release?.tool !== tool) continue;
    byVersion.set(release.version, [...(byVersion.get(release.version) ?? []), name]);
  }
  return new Map([...byVersion].sort(([a], [b]) => a - b));
}

async function describeAbandoned(
  store: ReadableStore,
  id: { readonly tool: string; readonly version: number },
  names: readonly string[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<AbandonedVersion> {
  const claimed = await claimedNames(store, id, options);
  return {
    version: id.version,
    claimed,
    present: claimed?.filter((name) => names.includes(name)) ?? [],
    missing: claimed?.filter((name) => !names.includes(name)) ?? [],
  };
}

async function claimedNames(
  store: ReadableStore,
  id: { readonly tool: string; readonly version: number },
  options: { readonly signal?: AbortSignal | undefined },
): Promise<readonly string[] | undefined> {
  try {
    const sums = await readStoredSums(store, id, options);
    return sums === undefined ? undefined : [...sums.keys()];
  } catch (error) {
    if (hasCode(error, 'MALFORMED', 'TOO_LARGE')) return undefined;
    throw error;
  }
}
