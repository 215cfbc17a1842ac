import { openTestHttpStore, startServe } from '../servers/serve.ts';
import { describeStore, type StoreUnderTest } from './store-contract.ts';

async function freshServer(): Promise<StoreUnderTest> {
  const server = await startServe();
  return {
    open: (options) => openTestHttpStore(server.url, server.token, options),
    origin: server.url,
    openHandles: () => server.openFiles(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

describeStore('HTTP', freshServer);
