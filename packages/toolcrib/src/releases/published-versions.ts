import { hasCode } from '../core/errors.ts';
import { releaseManifestName, releaseOf, storedSumsName } from '../core/release-names.ts';
import type { Sums } from '../core/sums.ts';
import type { Lister, Store } from '../stores/store.ts';
import type { ReadableStore } from './stored-file.ts';
import { readStoredSums } from './stored-release.ts';

/** A version that somebody claimed and did not complete. */
export interface AbandonedVersion {
  readonly version: number;
  /** What was claimed; undefined when the stored sums cannot be read as such. */
  readonly claim: Sums | undefined;
  /** Claimed names that are there already. */
  readonly present: readonly string[];
  readonly missing: readonly string[];
}

/** What a store holds of one tool, ascending. */
export interface PublishedVersions {
  /** Versions with a claim and a manifest. */
  readonly complete: readonly number[];
  readonly abandoned: readonly AbandonedVersion[];
  /** Names of its files by version. */
  readonly names: NamesByVersion;
}

/** Names of a tool's files by version, ascending. */
export type NamesByVersion = ReadonlyMap<number, readonly string[]>;

/** A store for listing and reading. */
export type ListedStore = ReadableStore & Lister & Pick<Store, 'guarantee'>;

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/**
 * @throws RemoteError as `Lister.list` and `Fetcher.fetch`.
 */
export async function publishedVersions(
  store: ListedStore,
  tool: string,
  options: Options = {},
): Promise<PublishedVersions> {
  const complete: number[] = [];
  const abandoned: AbandonedVersion[] = [];
  const { versions, shown } = await listVersions(store, tool, options);
  for (const [version, names] of versions) {
    if (!names.includes(storedSumsName(tool, version))) continue;
    if (shown.includes(version)) complete.push(version);
    else abandoned.push(await describeAbandoned(store, { tool, version }, names, options));
  }
  return { complete, abandoned, names: versions };
}

/** What a store lists of one tool. */
export interface ListedVersions {
  readonly versions: NamesByVersion;
  /** Versions with a manifest that readers are shown, ascending. */
  readonly shown: readonly number[];
}

/** Files of one tool; those of a tool whose name begins the same way are left out. */
export async function listVersions(
  store: Lister & Pick<Store, 'guarantee'>,
  tool: string,
  { signal }: Options,
): Promise<ListedVersions> {
  const options = signal === undefined ? {} : { signal };
  const versions = byVersion(await store.list(`${tool}-`, options), tool);
  // Where files come into being one by one in everybody's sight, there are no drafts to leave out.
  const mayHaveDrafts = store.guarantee === 'detected';
  const seen = mayHaveDrafts ? byVersion(await store.list(`${tool}-`, { ...options, shown: true }), tool) : versions;
  const shown = [...seen].filter(([version, names]) => names.includes(releaseManifestName(tool, version)));
  return { versions, shown: shown.map(([version]) => version) };
}

function byVersion(names: readonly string[], tool: string): NamesByVersion {
  const versions = new Map<number, string[]>();
  for (const name of names) {
    const release = releaseOf(name);
    if (release?.tool !== tool) continue;
    versions.set(release.version, [...(versions.get(release.version) ?? []), name]);
  }
  return new Map([...versions].sort(([a], [b]) => a - b));
}

async function describeAbandoned(
  store: ReadableStore,
  id: { readonly tool: string; readonly version: number },
  names: readonly string[],
  options: Options,
): Promise<AbandonedVersion> {
  const claim = await claimOf(store, id, options);
  const claimed = [...(claim?.keys() ?? [])];
  return {
    version: id.version,
    claim,
    present: claimed.filter((name) => names.includes(name)),
    missing: claimed.filter((name) => !names.includes(name)),
  };
}

async function claimOf(
  store: ReadableStore,
  id: { readonly tool: string; readonly version: number },
  options: Options,
): Promise<Sums | undefined> {
  try {
    return await readStoredSums(store, id, options);
  } catch (error) {
    if (hasCode(error, 'MALFORMED', 'TOO_LARGE')) return undefined;
    throw error;
  }
}
