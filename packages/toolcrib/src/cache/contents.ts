import { join } from 'node:path';
import { digestHex, isDigest, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { jsonFrom, textOf } from '../core/json-fields.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallText } from '../disk/small-file.ts';
import { listPackFiles, listPackPointers, packPath } from './ext-store.ts';
import { blobDigestFrom, blobPath, type CacheLayout } from './layout.ts';
import { leasedDigests } from './leases.ts';
import { listDirectory, statsOf } from './list-directory.ts';
import { mountedTrees } from './mounted-trees.ts';
import { listTrees, sizeOfTree } from './trees.ts';
import { unpackedRecordPath, unpackedSourceFrom, unpackedTarPath } from './unpacked-record.ts';

/** Something in a cache that has a last use. Its bytes were not checked. */
export interface CachedItem {
  readonly kind: 'artifact' | 'unpacked' | 'attestations' | 'placement' | 'pack' | 'pointer' | 'tree';
  /** Of the artifact that it is or belongs to, or of the pack; null for a placement that cannot be read. */
  readonly digest: Digest | null;
  /** Absolute: the file, or the directory of attestations. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** Milliseconds since 1970; a use is recorded at most every ten minutes. */
  readonly lastUsedAt: number;
  /** True while a process that lives says that it streams it; of a tree, also while a sandbox has it mounted. */
  readonly leased: boolean;
}

/** What the ledger of injections says about a directory of a sandbox. */
export interface CachedPlacement extends CachedItem {
  /** False for a note about a directory that is no placement: one that is being written, was left, or was replaced. */
  readonly isPlaced: boolean;
  /** True for a note beside the entry of a placement that is a mount: its directory is one no more when the sandbox stops. */
  readonly isMount: boolean;
  /** Id of the sandbox as its engine knows it; null when it cannot be read. */
  readonly sandbox: string | null;
  /** Path of the sandbox; null when it cannot be read. */
  readonly directory: string | null;
}

/** What a cache holds, each by digest or name. */
export interface CacheContents {
  readonly artifacts: readonly CachedItem[];
  readonly unpacked: readonly CachedItem[];
  readonly attestations: readonly CachedItem[];
  readonly placements: readonly CachedPlacement[];
  /** Packs of extensions, with the copies that stores gave names to. */
  readonly packs: readonly CachedItem[];
  /** What leads to packs: what references stood for, and manifests; each has the digest of its pack. */
  readonly pointers: readonly CachedItem[];
  /** Trees for sandboxes that run to have mounted. */
  readonly trees: readonly CachedItem[];
}

/** An entry of the ledger above this size, in bytes, is not read. */
const MAX_PLACEMENT_BYTES = 64 * 1024;

/**
 * Lists what a cache holds. What goes away meanwhile is left out.
 * @param now wall clock, milliseconds since 1970.
 * @throws RemoteError `STORAGE`.
 */
export async function readContents(layout: CacheLayout, now: number): Promise<CacheContents> {
  const leased = await leasedDigests(layout, now);
  return {
    artifacts: await listArtifacts(layout, leased),
    unpacked: await listUnpacked(layout, leased),
    attestations: await listAttestations(layout, leased),
    placements: await listPlacements(layout),
    packs: await listPacks(layout),
    pointers: await listPointers(layout),
    trees: await listTreeItems(layout, leased),
  };
}

/** All of it in one list. */
export function itemsOf(contents: CacheContents): readonly CachedItem[] {
  const { artifacts, unpacked, attestations, placements, packs, pointers, trees } = contents;
  return [...artifacts, ...unpacked, ...attestations, ...placements, ...packs, ...pointers, ...trees];
}

/** Files of which any makes an unpacked artifact, the record first: without it the tar is nothing. */
export function unpackedPaths(layout: CacheLayout, digest: Digest): readonly string[] {
  return [unpackedRecordPath(layout, digest), unpackedTarPath(layout, digest)];
}

type Leased = ReadonlySet<Digest>;

async function listArtifacts(layout: CacheLayout, leased: Leased): Promise<readonly CachedItem[]> {
  const entries = (await listDirectory(layout.blobs)).filter((entry) => entry.isFile());
  const digests = entries.flatMap(({ name }) => blobDigestFrom(name) ?? []);
  return await present(
    digests.map((digest) => itemOf('artifact', digest, blobPath(layout, digest), [blobPath(layout, digest)], leased)),
  );
}

async function listUnpacked(layout: CacheLayout, leased: Leased): Promise<readonly CachedItem[]> {
  const entries = (await listDirectory(layout.unpacked)).filter((entry) => entry.isFile());
  const digests = new Set(entries.flatMap(({ name }) => unpackedSourceFrom(name) ?? []));
  return await present(
    [...digests].map((digest) =>
      itemOf('unpacked', digest, unpackedTarPath(layout, digest), unpackedPaths(layout, digest), leased),
    ),
  );
}

async function listAttestations(layout: CacheLayout, leased: Leased): Promise<readonly CachedItem[]> {
  const entries = (await listDirectory(layout.attestations)).filter((entry) => entry.isDirectory());
  const digests = entries.flatMap(({ name }) => blobDigestFrom(name) ?? []);
  return await present(
    digests.map(async (digest) => {
      const path = join(layout.attestations, digestHex(digest));
      const files = (await listDirectory(path)).filter((entry) => entry.isFile()).map(({ name }) => join(path, name));
      const sizes = await Promise.all(files.map(async (file) => (await statsOf(file))?.size ?? 0));
      const item = await itemOf('attestations', digest, path, [path], leased);
      return item && { ...item, size: sizes.reduce((sum, size) => sum + size, 0) };
    }),
  );
}

/** An entry of the ledger, or a note, which has the random part of its directory's name, too. */
const LEDGER_FILE = /^[0-9a-f]{64}(?<note>-[0-9a-f]{16})?\.json$/;

async function listPlacements(layout: CacheLayout): Promise<readonly CachedPlacement[]> {
  const entries = (await listDirectory(layout.placements)).filter(
    (entry) => entry.isFile() && LEDGER_FILE.test(entry.name),
  );
  return await present(
    entries.map(async ({ name }) => {
      const path = join(layout.placements, name);
      const item = await itemOf('placement', null, path, [path], new Set());
      const isPlaced = LEDGER_FILE.exec(name)?.groups?.['note'] === undefined;
      return item && { ...item, isPlaced, ...(await readPlacement(path)) };
    }),
  );
}

async function listPacks(layout: CacheLayout): Promise<readonly CachedItem[]> {
  const byDigest = Map.groupBy(await listPackFiles(layout), ({ digest }) => digest);
  return await present(
    [...byDigest].map(([digest, files]) => {
      const paths = files.map(({ path }) => path);
      return itemOf('pack', digest, packPath(layout, digest), paths, new Set());
    }),
  );
}

async function listPointers(layout: CacheLayout): Promise<readonly CachedItem[]> {
  const pointers = await listPackPointers(layout);
  return await present(pointers.map(({ path, digest }) => itemOf('pointer', digest, path, [path], new Set())));
}

async function listTreeItems(layout: CacheLayout, leased: Leased): Promise<readonly CachedItem[]> {
  const trees = await listTrees(layout);
  if (trees.length === 0) return [];
  const isMounted = await mountedTrees();
  return await present(
    trees.map(async ({ path, digest }) => {
      const item = await itemOf('tree', digest, path, [path], leased);
      return item && { ...item, size: await sizeOfTree(path), leased: item.leased || (await isMounted(path)) };
    }),
  );
}

/** One item of these files; undefined when none of them is there any more. */
async function itemOf(
  kind: CachedItem['kind'],
  digest: Digest | null,
  path: string,
  files: readonly string[],
  leased: Leased,
): Promise<CachedItem | undefined> {
  const stats = (await Promise.all(files.map(statsOf))).filter((each) => each !== undefined);
  if (stats.length === 0) return undefined;
  return {
    kind,
    digest,
    path,
    size: stats.reduce((sum, { size }) => sum + size, 0),
    lastUsedAt: Math.max(...stats.map(({ mtimeMs }) => mtimeMs)),
    leased: digest !== null && leased.has(digest),
  };
}

async function readPlacement(
  path: string,
): Promise<Omit<CachedPlacement, keyof CachedItem | 'isPlaced'> & Pick<CachedItem, 'digest'>> {
  const record = jsonFrom(await readQuietly(path));
  const digest = textOf(record, 'digest') ?? '';
  return {
    digest: isDigest(digest) ? digest : null,
    sandbox: textOf(record, 'sandbox') ?? null,
    directory: textOf(record, 'directory') ?? null,
    isMount: textOf(record, 'state') === 'mounted',
  };
}

/** Empty for what was removed meanwhile, and for what is no entry of a ledger. */
async function readQuietly(path: string): Promise<string> {
  try {
    return await readSmallText(path, MAX_PLACEMENT_BYTES, { followLinks: false });
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE') || isIrregular(error)) return '';
    throw error;
  }
}

async function present<T>(items: readonly Promise<T | undefined>[]): Promise<readonly T[]> {
  return (await Promise.all(items)).filter((item) => item !== undefined);
}
