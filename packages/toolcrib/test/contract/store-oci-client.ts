import { parseStoreReference } from '../../src/core/reference.ts';
import { openOciStore, type OciStoreOptions } from '../../src/stores/oci/oci-store.ts';
import type { OciReference } from '../../src/stores/oci/registry-address.ts';
import type { Store } from '../../src/stores/store.ts';
import { systemClock } from './store-clock.ts';

export function ociReference(host: string, repository: string): OciReference {
  const reference = parseStoreReference(`oci://${host}/${repository}`);
  if (reference.kind !== 'oci') throw new Error('not an OCI store');
  return reference;
}

/** Quick to give up, and without credentials. */
export const ociOptions: OciStoreOptions = {
  offline: false,
  rewrite: [],
  clock: systemClock,
  random: Math.random,
  retry: { attempts: 4, firstWaitMs: 20, longestWaitMs: 200 },
};

export function openTestStore(host: string, repository: string, options: Partial<OciStoreOptions> = {}): Store {
  return openOciStore(ociReference(host, repository), { ...ociOptions, ...options });
}
