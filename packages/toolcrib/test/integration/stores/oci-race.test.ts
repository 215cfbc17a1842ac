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
import { openTestStore } from '../../contract/store-oci-client.ts';
import { requestOf } from '../publish/release-fixture.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';

const ROUNDS = 50;
/** Most of a race is waiting for the registry. */
const AT_A_TIME = 4;

/** Whoever won is what readers see; who lost knows it, and nothing of it is taken for the winner's. */
async function verifyRound(reader: Store, requests: readonly PublishRequest[], won: readonly boolean[]): Promise<void> {
  const release = await readRelease(reader, { tool: 'tool', version: requests[0]?.version ?? 0 });
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(reader, file.name, file);
  for (const [index, { artifacts }] of requests.entries()) {
    const sums = new Map([...sumsOfArtifacts(artifacts)].sort());
    if (won[index] === true) expect(release?.sums).toEqual(sums);
  }
}

/**
 * One race, in a repository of its own: whoever publishes reads the index of each version that is there, which fifty rounds in
 * one repository would spend their time on.
 * @returns how many believe that they won.
 */
async function raceIn(host: string, repository: string, place: string): Promise<number> {
  const folder = await mkdtemp(join(place, 'artifacts-'));
  const [reader, ...stores] = [
    openTestStore(host, repository),
    openTestStore(host, repository),
    openTestStore(host, repository),
  ];
  const requests = await Promise.all(
    stores.map((store, index) => {
      const publication = { store: store.reference, folder, tool: 'tool', version: 1, seed: `${index}`, bytes: 2000 };
      return requestOf(publication, store);
    }),
  );
  const results = await Promise.allSettled(requests.map(publishRelease));
  for (const result of results) {
    if (result.status === 'rejected' && !hasCode(result.reason, 'VERSION_TAKEN')) throw result.reason;
  }
  const won = results.map(({ status }) => status === 'fulfilled');
  const winners = won.filter((each) => each).length;
  expect(winners).toBeLessThan(2);
  await verifyRound(reader, requests, won);
  const { complete, abandoned } = await publishedVersions(reader, 'tool');
  expect(complete.length).toBeGreaterThanOrEqual(winners);
  expect(complete.length + abandoned.length).toBe(1);
  await Promise.all([reader, ...stores].map((store) => store.close()));
  return winners;
}

describe(
  'two publishers with different bytes that race for one version',
  requireOrSkip(await registryAvailable()),
  () => {
    test('never both publish it in an OCI registry, and who did not exits with VERSION_TAKEN, fifty times', async () => {
      await using registry = await startRegistry();
      const folder = await mkdtemp(join(tmpdir(), 'toolcrib-race-'));
      const waiting = Array.from({ length: ROUNDS }, (_, index) => `race/tool-${index}`);
      const winners: number[] = [];
      const work = async (): Promise<void> => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
          winners.push(await raceIn(registry.host, next, folder));
      };
      await Promise.all(Array.from({ length: AT_A_TIME }, work));
      expect(winners).toHaveLength(ROUNDS);
      expect(winners.filter((count) => count === 1).length).toBeGreaterThan(ROUNDS / 2);
      await rm(folder, { recursive: true });
    });
  },
);
