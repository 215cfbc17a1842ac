import { basename, join } from 'node:path';
import { digestFromHex, digestHex, digestOf, isDigest, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { jsonFrom, listOf, textOf } from '../core/json-fields.ts';
import type { StoredPackId } from '../core/stored-pack.ts';
import { readBlocks } from '../disk/digest-file.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallText } from '../disk/small-file.ts';
import { examineBlob, type BlobState } from './blobs.ts';
import type { CacheLayout } from './layout.ts';
import { listDirectory } from './list-directory.ts';

/**
 * Packs of extensions in a cache: docs/formats.md, "Extensions". Names of packs are those of the original resolver, so that
 * both can use one cache; what has neither a digest in its name nor a note beside it is its own.
 */
export type ExtStoreLayout = Pick<CacheLayout, 'extStore'>;

export function packPath({ extStore }: ExtStoreLayout, digest: Digest): string {
  return join(extStore, `sha256-${digestHex(digest)}.gtxpack`);
}

/** Of the manifest that a registry keeps a pack by. */
export function manifestPath({ extStore }: ExtStoreLayout, digest: Digest): string {
  return join(extStore, `sha256-${digestHex(digest)}.manifest.json`);
}

/** By name and version. Others may have the same: `a/b` and `a_b`. */
export function namedPackPath({ extStore }: ExtStoreLayout, { name, version }: StoredPackId): string {
  return join(extStore, `${`${name}@${version}`.replaceAll(/[/\\:@]/g, '_')}.gtxpack`);
}

const PACK = '.gtxpack';
const NOTE = '.json';

/** What says whose bytes a named pack is. */
export function sidecarPath(layout: ExtStoreLayout, store: StoredPackId): string {
  return `${namedPackPath(layout, store)}${NOTE}`;
}

/** What says which bytes a reference stood for when it was asked for last; no two references share one. */
export function recordPath({ extStore }: ExtStoreLayout, reference: string): string {
  return join(extStore, `ref-${digestHex(digestOf(reference))}${NOTE}`);
}

/** A file that holds a pack, by its name or by its note. */
export interface PackFile {
  /** Absolute. */
  readonly path: string;
  readonly digest: Digest;
  /** Absolute path of the note that says so; undefined where the name does. */
  readonly note: string | undefined;
}

/** How a ZIP begins that starts with an entry, or has none. */
const ZIP_BEGINNINGS = ['PK\x03\x04', 'PK\x05\x06'];

/**
 * Compares a pack with its digest, and its first bytes with a ZIP's: of what was kept before anybody looked, some is none.
 * @returns `no-pack`: the digest is right. @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function examinePack(
  { path, digest }: Pick<PackFile, 'path' | 'digest'>,
  signal: AbortSignal | undefined,
): Promise<BlobState | 'no-pack'> {
  const state = await examineBlob(path, digest, signal);
  if (state !== 'sound') return state;
  for await (const block of readBlocks(path, { signal, followLinks: false })) {
    return ZIP_BEGINNINGS.includes(Buffer.from(block.subarray(0, 4)).toString('latin1')) ? 'sound' : 'no-pack';
  }
  return 'no-pack';
}

/** Every file with a pack of a known digest; their bytes were not checked. @throws RemoteError `STORAGE`. */
export async function listPackFiles({ extStore }: ExtStoreLayout): Promise<readonly PackFile[]> {
  const names = (await listDirectory(extStore)).filter((entry) => entry.isFile()).map(({ name }) => name);
  const files: PackFile[] = [];
  for (const name of names) files.push(...(await packFilesAt(join(extStore, name))));
  return files;
}

/** The same of one file; none where nothing says the digest of what stands at a path. */
export async function packFilesAt(path: string): Promise<readonly PackFile[]> {
  const name = basename(path);
  if (!name.endsWith(PACK)) return [];
  const named = packDigestFrom(name);
  if (named !== undefined) return [{ path, digest: named, note: undefined }];
  const note = `${path}${NOTE}`;
  const noted = await digestNoted(note);
  return noted === undefined ? [] : [{ path, digest: noted, note }];
}

/** Paths that are names of ours, and no files: nothing can be kept there. @throws RemoteError `STORAGE`. */
export async function listObstacles({ extStore }: ExtStoreLayout): Promise<readonly string[]> {
  const isOurs = (name: string): boolean =>
    [PACK, `${PACK}${NOTE}`].some((ending) => name.endsWith(ending)) ||
    (recordDigestFrom(name) ?? manifestDigestFrom(name)) !== undefined;
  const strangers = (await listDirectory(extStore)).filter((entry) => !entry.isFile() && isOurs(entry.name));
  return strangers.map(({ name }) => join(extStore, name));
}

/** A file that leads to a pack: of no use where that is not there. */
export interface PackPointer {
  /** Absolute. */
  readonly path: string;
  /** Of the pack; of its own name where nothing legible says which, and no pack has that one. */
  readonly digest: Digest;
}

/**
 * Every record of a reference, every manifest, and every note whose pack is not beside it.
 * @throws RemoteError `STORAGE`.
 */
export async function listPackPointers({ extStore }: ExtStoreLayout): Promise<readonly PackPointer[]> {
  const names = (await listDirectory(extStore)).filter((entry) => entry.isFile()).map(({ name }) => name);
  const present = new Set(names);
  const isNoteAlone = (name: string): boolean =>
    name.endsWith(`${PACK}${NOTE}`) && !present.has(name.slice(0, -NOTE.length));
  const pointers: PackPointer[] = [];
  for (const name of names) {
    const path = join(extStore, name);
    const own = recordDigestFrom(name) ?? manifestDigestFrom(name);
    if (own === undefined && !isNoteAlone(name)) continue;
    const digest = (await digestNoted(path)) ?? own;
    if (digest !== undefined) pointers.push({ path, digest });
  }
  return pointers;
}

/** The digest that a manifest is named for; undefined for any other name. */
export function manifestDigestFrom(name: string): Digest | undefined {
  return digestFromName(/^sha256-(?<hex>[0-9a-f]{64})\.manifest\.json$/, name);
}

/** The digest of the reference that a record is named for; undefined for any other name. */
function recordDigestFrom(name: string): Digest | undefined {
  return digestFromName(/^ref-(?<hex>[0-9a-f]{64})\.json$/, name);
}

/** The digest that a pack is named for; undefined for any other name. */
function packDigestFrom(name: string): Digest | undefined {
  return digestFromName(/^sha256-(?<hex>[0-9a-f]{64})\.gtxpack$/, name);
}

function digestFromName(form: RegExp, name: string): Digest | undefined {
  return digestFromHex(form.exec(name)?.groups?.['hex'] ?? '');
}

/** Whether a failure to read or to write says that a directory, a pipe, a device or a link stands where a file should. */
export function isObstacle(error: unknown): boolean {
  return isIrregular(error) || (hasCode(error, 'STORAGE') && error.details['system'] === 'EISDIR');
}

/** Of a note or a manifest, in bytes: registries need not take larger ones. */
const MAX_NOTE_BYTES = 4 * 1024 * 1024;

/** The pack's, of a note or of a manifest; undefined for what was removed meanwhile, and for what says none. */
async function digestNoted(path: string): Promise<Digest | undefined> {
  try {
    const document = jsonFrom(await readSmallText(path, MAX_NOTE_BYTES, { followLinks: false }));
    const digest = textOf(document, 'digest') ?? textOf(listOf(document, 'layers')[0], 'digest') ?? '';
    return isDigest(digest) ? digest : undefined;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE') || isObstacle(error)) return undefined;
    throw error;
  }
}
