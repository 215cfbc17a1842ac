import { startGithub } from '../servers/github/github-server.ts';
import { describeStore, type StoreUnderTest } from './store-contract.ts';
import { openTestGithubStore, OWNER_TOKEN, REPOSITORY } from './store-github-client.ts';

async function freshRepository(isPrivate: boolean): Promise<StoreUnderTest> {
  const github = await startGithub({
    repositories: [{ name: REPOSITORY, private: isPrivate }],
    tokens: { [OWNER_TOKEN]: 'write' },
  });
  return {
    open: (options) => openTestGithubStore(github.endpoint, options),
    ...(!isPrivate && { origin: github.endpoint }),
    refusesEmptyFiles: true,
    openHandles: () => github.openConnections(),
    [Symbol.asyncDispose]: () => github[Symbol.asyncDispose](),
  };
}

describeStore('public GitHub', () => freshRepository(false));
describeStore('private GitHub', () => freshRepository(true));
