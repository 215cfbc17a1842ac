import type { StoreReference } from '../core/reference.ts';
import { readConfigOf, type ConfigSources } from './earlier-config.ts';

/**
 * Tells which stores the base's own configuration names, to the letter: the change can choose every other one, and so
 * whom credentials would be shown to. None when the change rewrites addresses in another way.
 * @param commit of the base as it is by now: where its histories parted, a store may have been that was given up since.
 * @throws RemoteError `STORAGE`; the signal's reason.
 */
export async function storesOfBase(
  commit: string,
  sources: ConfigSources,
): Promise<(reference: StoreReference) => boolean> {
  const { config } = sources;
  const before = await readConfigOf(commit, config.file, sources);
  if (before.kind !== 'read' || JSON.stringify(before.config.rewrite) !== JSON.stringify(config.rewrite)) {
    return () => false;
  }
  const urls = new Set(before.config.stores.map(({ url }) => url));
  return ({ url }) => urls.has(url);
}
