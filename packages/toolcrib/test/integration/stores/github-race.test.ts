import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCode, messageOf } from '../../../src/core/errors.ts';
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

/** What every reader without a token sees: nothing, or a release of which every byte is of one publisher. */
async function winnerSeen(reader: Store, requests: readonly PublishRequest[], version: number): Promise<number> {
  const release = await readRelease(reader, { tool: 'tool', version });
  if (release === undefined) throw new Error(`nobody published v${version}`);
  for (const file of release.manifest.files) await verifyStoredFile(reader, file.name, file);
  const sums = requests.map(({ artifacts }) => JSON.stringify([...sumsOfArtifacts(artifacts)].sort()));
  return sums.indexOf(JSON.stringify([...release.sums]));
}

/** Two publishers with different bytes and clients of their own; each round on a version of its own. */
async function race(github: GithubServer, listingLag: (version: number) => number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-race-'));
  const reader = openTestGithubStore(github.endpoint, { token: undefined });
  for (let version = 1; version <= ROUNDS; version += 1) {
    github.state.listingLag = listingLag(version);
    const stores = [openTestGithubStore(github.endpoint), openTestGithubStore(github.endpoint)];
    const requests = await Promise.all(
      stores.map((store, index) =>
        requestOf({ store: '', folder, tool: 'tool', version, seed: `${index}`, bytes: 2000 }, store),
      ),
    );
    const results = await Promise.allSettled(requests.map(publishRelease));
    const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    for (const result of results) {
      if (result.status === 'rejected' && !hasCode(result.reason, 'VERSION_TAKEN')) throw result.reason;
    }
    expect(winners, results.map((result) => messageOf(Reflect.get(result, 'reason'))).join('\n')).toHaveLength(1);
    expect(await winnerSeen(reader, requests, version)).toBe(winners[0]);
    await Promise.all(stores.map((store) => store.close()));
  }
  expect((await publishedVersions(reader, 'tool')).complete).toHaveLength(ROUNDS);
  await reader.close();
  await rm(folder, { recursive: true });
}

describe('two publishers with different bytes that race for one version on GitHub', () => {
  test('leave one release of one of them, and the other learns it, fifty times', async () => {
    await using github = await startGithub({
      repositories: [{ name: REPOSITORY }],
      tokens: { [OWNER_TOKEN]: 'write' },
    });
    await race(github, () => 0);
    expect(github.repository(REPOSITORY).releases.filter(({ draft }) => draft)).toEqual([]);
  });

  test('do so also when GitHub shows each of them the other one’s draft too late, fifty times', async () => {
    await using github = await startGithub({
      repositories: [{ name: REPOSITORY }],
      tokens: { [OWNER_TOKEN]: 'write' },
    });
    await race(github, (version) => version % 25);
  });
});
