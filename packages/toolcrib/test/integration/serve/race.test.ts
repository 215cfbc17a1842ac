import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/core/errors.ts';
import { publishRelease, type PublishRequest } from '../../../src/publish/publish-release.ts';
import { sumsOfArtifacts } from '../../../src/publish/release-artifacts.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { openTestHttpStore, startServe } from '../../servers/serve.ts';
import { createScratch } from '../../unit/disk/scratch.ts';
import { requestOf } from '../publish/release-fixture.ts';

const ROUNDS = 50;

/** The release that is there is the winner's, of which every byte is right. */
async function verifyWinner(request: PublishRequest, version: number): Promise<void> {
  const release = await readRelease(request.store, { tool: 'tool', version });
  expect(release?.sums).toEqual(new Map([...sumsOfArtifacts(request.artifacts)].sort()));
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(request.store, file.name, file);
}

describe('two publishers with different bytes that race for one version', () => {
  test(`leave exactly one complete release on a server, ${ROUNDS} times`, async () => {
    await using server = await startServe();
    await using scratch = await createScratch();
    const stores = [0, 1].map(() => openTestHttpStore(server.url, server.token));
    for (let version = 1; version <= ROUNDS; version += 1) {
      const what = { store: server.url, folder: scratch.path, tool: 'tool', version, bytes: 2000 };
      const requests = await Promise.all(
        stores.map((store, index) => requestOf({ ...what, seed: String(index) }, store)),
      );
      const results = await Promise.allSettled(requests.map((request) => publishRelease(request)));
      const winners = requests.filter((_, index) => results[index]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected') expect(hasCode(result.reason, 'VERSION_TAKEN')).toBe(true);
      }
      for (const winner of winners) await verifyWinner(winner, version);
    }
    const { complete, abandoned } = await publishedVersions(openTestHttpStore(server.url, undefined), 'tool');
    expect({ complete: complete.length, abandoned }).toEqual({ complete: ROUNDS, abandoned: [] });
    await Promise.all(stores.map((store) => store.close()));
  });
});
