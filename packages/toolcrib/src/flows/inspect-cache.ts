import type { CachedBlob, CacheFinding } from '../cache/cache.ts';
import type { Host } from './host.ts';
import { cacheOf } from './resolve-artifact.ts';

/** What the cache holds, by digest, unverified. @throws RemoteError `STORAGE`. */
export async function listCache(host: Host): Promise<{ directory: string; blobs: readonly CachedBlob[] }> {
  return { directory: host.cacheDirectory, blobs: await cacheOf(host).ls() };
}

/** Hashes everything in the cache and tells what is wrong. Removes nothing. @throws RemoteError `STORAGE`. */
export async function verifyCache(host: Host): Promise<{ directory: string; findings: readonly CacheFinding[] }> {
  const findings = await cacheOf(host).verify({ signal: host.signal });
  return { directory: host.cacheDirectory, findings };
}
