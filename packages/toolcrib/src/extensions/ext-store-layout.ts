import { join } from 'node:path';
import { digestHex, digestOf, type Digest } from '../core/digest.ts';
import type { StoreRef } from './store-ref.ts';

/**
 * Where packs stand in a cache: formats.md 8. Names of packs are those of the original resolver, so that both can use one
 * cache; only what is under its digest is ours alone to rely on.
 */
export interface ExtStoreLayout {
  /** Absolute. */
  readonly directory: string;
}

/** @param cacheDirectory absolute path of the cache. */
export function extStoreLayout(cacheDirectory: string): ExtStoreLayout {
  return { directory: join(cacheDirectory, 'ext-store') };
}

export function packPath({ directory }: ExtStoreLayout, digest: Digest): string {
  return join(directory, `sha256-${digestHex(digest)}.gtxpack`);
}

/** Of the manifest that a registry keeps a pack by. */
export function manifestPath({ directory }: ExtStoreLayout, digest: Digest): string {
  return join(directory, `sha256-${digestHex(digest)}.manifest.json`);
}

/** By name and version. Others may have the same: `a/b` and `a_b`. */
export function namedPackPath({ directory }: ExtStoreLayout, { name, version }: StoreRef): string {
  return join(directory, `${`${name}@${version}`.replaceAll(/[/\\:@]/g, '_')}.gtxpack`);
}

/** What says whose bytes a named pack is. */
export function sidecarPath(layout: ExtStoreLayout, store: StoreRef): string {
  return `${namedPackPath(layout, store)}.json`;
}

/** What says which bytes a reference stood for when it was asked for last; no two references share one. */
export function recordPath({ directory }: ExtStoreLayout, reference: string): string {
  return join(directory, `ref-${digestHex(digestOf(reference))}.json`);
}
