import { join } from 'node:path';
import { digestFromHex, digestHex, digestOf, isDigest, type Digest } from '../core/digest.ts';
import { hasCode } from '../core/errors.ts';
import { jsonFrom, textOf } from '../core/json-fields.ts';
import type { StoredPackId } from '../core/stored-pack.ts';
import { isIrregular } from '../disk/open-regular-file.ts';
import { readSmallText } from '../disk/small-file.ts';
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

/** Every file with a pack of a known digest; their bytes were not checked. @throws RemoteError `STORAGE`. */
export async function listPackFiles({ extStore }: ExtStoreLayout): Promise<readonly PackFile[]> {
  const names = (await listDirectory(extStore)).filter((entry) => entry.isFile()).map(({ name }) => name);
  const files: PackFile[] = [];
  for (const name of names.filter((each) => each.endsWith('.gtxpack'))) {
    const path = join(extStore, name);
    const named = packDigestFrom(name);
    const note = named === undefined && names.includes(`${name}${NOTE}`) ? `${path}${NOTE}` : undefined;
    const digest = named ?? (note === undefined ? undefined : await digestNoted(note));
    if (digest !== undefined) files.push({ path, digest, note });
  }
  return files;
}

/** The digest that a file is named for; undefined for any other name. */
function packDigestFrom(name: string): Digest | undefined {
  return digestFromHex(/^sha256-(?<hex>[0-9a-f]{64})\.gtxpack$/.exec(name)?.groups?.['hex'] ?? '');
}

/** Of a note, in bytes. */
const MAX_NOTE_BYTES = 64 * 1024;

/** Undefined for what was removed meanwhile, and for what is no note. */
async function digestNoted(path: string): Promise<Digest | undefined> {
  try {
    const digest = textOf(jsonFrom(await readSmallText(path, MAX_NOTE_BYTES, { followLinks: false })), 'digest') ?? '';
    return isDigest(digest) ? digest : undefined;
  } catch (error) {
    if (hasCode(error, 'NOT_FOUND', 'TOO_LARGE') || isIrregular(error)) return undefined;
    throw error;
  }
}
