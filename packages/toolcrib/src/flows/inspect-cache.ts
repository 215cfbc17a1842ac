import type { CacheContents, CacheFinding, RepairedFinding } from '../cache/cache.ts';
import type { Host } from './host.ts';
import { cacheOf } from './resolve-artifact.ts';
import { compareTree } from './stored-tree.ts';

/** What the cache holds, by digest, unverified. @throws RemoteError `STORAGE`. */
export async function listCache(host: Host): Promise<{ readonly directory: string } & CacheContents> {
  return { directory: host.cacheDirectory, ...(await cacheOf(host).ls()) };
}

/** What is wrong in a cache, and what became of it; null where nothing was to be repaired. */
export interface CacheVerification {
  readonly directory: string;
  readonly findings: readonly (CacheFinding & { readonly outcome: RepairedFinding['outcome'] | null })[];
}

/**
 * Hashes everything in the cache and tells what is wrong.
 * @param options.repair true: removes what is wrong, or makes it again. Default: removes nothing.
 * @throws RemoteError `STORAGE`.
 */
export async function verifyCache(host: Host, options: { readonly repair?: boolean } = {}): Promise<CacheVerification> {
  const cache = cacheOf(host);
  const { cacheDirectory: directory, signal } = host;
  if (options.repair === true) return { directory, findings: await cache.repair({ signal, examineTree: compareTree }) };
  const findings = await cache.verify({ signal, examineTree: compareTree });
  return { directory, findings: findings.map((finding) => ({ ...finding, outcome: null })) };
}

/** True when nothing is wrong any more. */
export function isInOrder({ findings }: CacheVerification): boolean {
  return findings.every(({ outcome }) => outcome === 'removed' || outcome === 'rebuilt');
}
