import type { Digest } from './digest.ts';

/** Which pack of an extension store. */
export interface StoredPackId {
  /** May have slashes, e.g. `acme/http`. */
  readonly name: string;
  readonly version: string;
}

/** A pack as its store lists it. */
export interface ListedPack extends StoredPackId {
  /** In bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** The folder of packs in a directory that is a store. */
export const PACKS_FOLDER = 'extensions';
/** Where an extension store answers: formats.md 8. */
export const EXTENSIONS_PATH = '/api/v1/extensions';
/** Of the list of packs: docs/formats.md. */
export const PACK_LISTING_SCHEMA = 'toolcrib.extensions.v1';

const ENDING = '.gtxpack';
/** In characters: what it becomes is a file's name. */
const MAX_LENGTH = 200;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*(?:\/[A-Za-z0-9][A-Za-z0-9._-]*)*$/;
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]*$/;

/** True for what a store of toolcrib takes: the same in a path, a URL and, with `~` for a slash, in a file's name. */
export function isStoredPackId({ name, version }: StoredPackId): boolean {
  return NAME.test(name) && VERSION.test(version) && name.length + version.length <= MAX_LENGTH;
}

/** What the file of a pack is called in a store, e.g. `acme~http@1.2.0.gtxpack`. No two packs share one. */
export function storedPackName({ name, version }: StoredPackId): string {
  return `${name.replaceAll('/', '~')}@${version}${ENDING}`;
}

/** The inverse of {@link storedPackName}; undefined for what is no such name. */
export function storedPackOf(fileName: string): StoredPackId | undefined {
  const at = fileName.indexOf('@');
  if (at < 0 || !fileName.endsWith(ENDING)) return undefined;
  const id = { name: fileName.slice(0, at).replaceAll('~', '/'), version: fileName.slice(at + 1, -ENDING.length) };
  return isStoredPackId(id) && storedPackName(id) === fileName ? id : undefined;
}

/** Compact JSON and a newline, sorted by name and version. Same packs, same bytes. */
export function formatPackListing(packs: readonly ListedPack[]): string {
  const extensions = packs
    .map(({ name, version, size, digest }) => ({ name, version, size, digest }))
    .sort((a, b) => (storedPackName(a) < storedPackName(b) ? -1 : 1));
  return `${JSON.stringify({ schema: PACK_LISTING_SCHEMA, extensions })}\n`;
}
