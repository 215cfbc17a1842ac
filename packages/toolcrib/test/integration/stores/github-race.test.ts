import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/core/errors.ts';
import { publishRelease, type PublishRequest } from '../../../src/publish/publish-release.ts';
import { sumsOfArtifacts } from '../../../src/publish/release-artifacts.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import type { Store } from '../../../src/stores/store.ts';
import { openTestGithubStore, OWNER_TOKEN, REPOSITORY } from '../../contract/store-github-client.ts';
import { startGithub, type GithubServer } from '../../servers/github/github-server.ts';
import { requestOf } from '../publish/release-fixture.ts';

const ROUNDS = 50;
const AT_ONCE = 5;

/** What every reader without a token sees: nothing, or a release of which every byte is of one publisher. */
async function winnerSeen(reader: Store, requests: readonly PublishRequest[], version: number): Promise<number> {
  const release = await readRelease(reader, { tool: 'tool', version });
  if (release === undefined) throw new Error(`nobody published v${version}`);
  for (const file of release.manifest.files) await verifyStoredFile(reader, file.name, file);
  const sums = requests.map(({ artifacts }) => JSON.stringify([...sumsOfArtifacts(artifacts)].sort()));
  return sums.indexOf(JSON.stringify([...release.sums]));
}

/** Two publishers with different bytes and clients of their own, for one version in an empty repository. */
async function race(folder: string, version: number, listingLag: number): Promise<GithubServer> {
  const github = await startGithub({ repositories: [{ name: REPOSITORY }], tokens: { [OWNER_TOKEN]: 'write' } });
  github.state.listingLag = listingLag;
  const reader = openTestGithubStore(github.endpoint, { token: undefined });
  const stores = [openTestGithubStore(github.endpoint), openTestGithubStore(github.endpoint)];
  const requests = await Promise.all(
    stores.map(async (store, index) => {
      const seed = `${index}`;
      const all = await requestOf({ store: '', folder, tool: 'tool', version, seed, bytes: 2000 }, store);
      return { ...all, targets: all.targets.slice(0, 2), artifacts: all.artifacts.slice(0, 2) };
    }),
  );
  const results = await Promise.allSettled(requests.map(publishRelease));
  const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
  for (const result of results) {
    if (result.status === 'rejected' && !hasCode(result.reason, 'VERSION_TAKEN')) throw result.reason;
  }
  expect(winners).toHaveLength(1);
  expect(await winnerSeen(reader, requests, version)).toBe(winners[0]);
  expect((await publishedVersions(reader, 'tool')).complete).toEqual([version]);
  await Promise.all([...stores, reader].map((store) => store.close()));
  return github;
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-race-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Calls with 1 to `count`, some at a time: most of a race is waiting. */
async function eachOf(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 1;
  const worker = async (): Promise<void> => {
    while (next <= count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe('two publishers with different bytes that race for one version on GitHub', () => {
  test('leave one release of one of them, and the other learns it, fifty times', () =>
    withFolder(async (folder) => {
      await eachOf(ROUNDS, async (version) => {
        await using github = await race(folder, version, 0);
        expect(github.repository(REPOSITORY).releases).toHaveLength(1);
      });
    }));

  test('do so also when GitHub shows each of them the other one’s draft late or never', () =>
    withFolder(async (folder) => {
      await eachOf(ROUNDS / 2, async (round) => {
        await using github = await race(folder, round, 2 * round);
        expect(github.repository(REPOSITORY).releases.filter(({ draft }) => !draft)).toHaveLength(1);
      });
    }));
});
