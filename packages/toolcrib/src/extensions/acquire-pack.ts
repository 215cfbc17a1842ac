import { acquireFromStore, acquireHttp } from './acquire-http.ts';
import { acquireLocal } from './acquire-local.ts';
import { acquireFromRepo, acquireOci } from './acquire-oci.ts';
import type { AcquiredPack, WantedPack } from './acquired-pack.ts';
import { parseExtensionSource } from './extension-source.ts';
import type { PackOrigins } from './pack-origins.ts';

/**
 * Acquires a pack from wherever its reference says.
 * @throws UsageError `REFERENCE_INVALID`; as `acquireLocal`, `acquireFromStore`, `acquireHttp`, `acquireOci`,
 * `acquireFromRepo`.
 */
export async function acquirePack(wanted: WantedPack, origins: PackOrigins): Promise<AcquiredPack> {
  const source = parseExtensionSource(wanted.dependency.reference);
  switch (source.kind) {
    case 'file':
      return await acquireLocal(wanted, source.path);
    case 'http':
      return await acquireHttp(wanted, source.url, origins);
    case 'store':
      return await acquireFromStore(wanted, source.store, origins);
    case 'oci':
      return await acquireOci(wanted, source.location, origins);
    case 'repo':
      return await acquireFromRepo(wanted, source.name, origins);
  }
}
