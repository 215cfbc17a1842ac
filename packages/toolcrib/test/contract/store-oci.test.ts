import { afterAll, describe } from 'vitest';
import { registryAvailable, startRegistry, type RegistryServer } from '../servers/registry.ts';
import { requireOrSkip } from '../servers/require.ts';
import { describeStore, type StoreUnderTest } from './store-contract.ts';
import { openTestStore } from './store-oci-client.ts';

let registry: Promise<RegistryServer> | undefined;
let repositories = 0;

/** A repository of its own, in a registry that all tests share. */
async function freshRepository(): Promise<StoreUnderTest> {
  registry ??= startRegistry();
  const { host } = await registry;
  const repository = `tools/number-${(repositories += 1)}`;
  return {
    open: (options) => openTestStore(host, repository, options),
    origin: `http://${host}`,
    openHandles: () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,
    urlEnd: /\/blobs\/sha256:[0-9a-f]{64}$/,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

afterAll(async () => {
  await (await registry)?.[Symbol.asyncDispose]();
});

describe('on docker-registry', requireOrSkip(await registryAvailable()), () => {
  describeStore('OCI', freshRepository);
});
