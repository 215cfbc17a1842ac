import type { StoreReference } from '../../src/core/reference.ts';
import { parseStoreReference } from '../../src/core/reference.ts';
import { openGithubStore, type GithubStoreOptions } from '../../src/stores/github/github-store.ts';
import type { Store } from '../../src/stores/store.ts';
import { systemClock } from './store-clock.ts';

export const OWNER_TOKEN = 'ghp_mayWriteToTheRepository0123456789';
export const READER_TOKEN = 'ghp_mayOnlyReadTheRepository012345678';
export const REPOSITORY = 'octo-org/tools';

/** `github:OWNER/REPO` of the stand-in. */
export function githubReference(
  endpoint: string,
  { tag = '', repository = REPOSITORY } = {},
): Extract<StoreReference, { kind: 'github' }> {
  const query = tag === '' ? '' : `&tag=${tag}`;
  const reference = parseStoreReference(`github:${repository}?endpoint=${endpoint}${query}`);
  if (reference.kind !== 'github') throw new Error('not a GitHub store');
  return reference;
}

/** Quick to give up and to go on, and with the token of the owner. */
export const githubOptions: GithubStoreOptions = {
  offline: false,
  rewrite: [],
  clock: systemClock,
  random: Math.random,
  retry: { attempts: 4, firstWaitMs: 20, longestWaitMs: 200 },
  patience: { longestLimitWaitMs: 3000, limitWaits: 2, writePauseMs: 0, notifyPauseMs: 0 },
  foreignUploadMs: 2000,
  token: OWNER_TOKEN,
};

export function openTestGithubStore(endpoint: string, options: Partial<GithubStoreOptions> = {}): Store {
  return openGithubStore(githubReference(endpoint), { ...githubOptions, ...options });
}
