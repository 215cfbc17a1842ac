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

/** Whoever won is what readers see; who lost knows it, and nothing of it is taken for the winner's. */
async function verifyRound(reader: Store, requests: readonly PublishRequest[], won: readonly boolean[]): Promise<void> {
  const release = await readRelease(reader, { tool: 'tool', version: requests[0]?.version ?? 0 });
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(reader, file.name, file);
  for (const [index, { artifacts }] of requests.entries()) {
    const sums = new Map([...sumsOfArtifacts(artifacts)].sort());
    if (won[index] === true) expect(release?.sums).toEqual(sums);
  }
}

describe(
  'two publishers with different bytes that race for one version',
  requireOrSkip(await registryAvailable()),
  () => {
    test('never both publish it in an OCI registry, and who did not exits with VERSION_TAKEN, fifty times', async () => {
      await using registry = await startRegistry();
      const folder = await mkdtemp(join(tmpdir(), 'toolcrib-race-'));
      const stores = [0, 1, 2].map(() => openTestStore(registry.host, 'race/tool'));
      const [reader = openTestStore(registry.host, 'race/tool')] = stores;
      let winners = 0;
      for (let version = 1; version <= ROUNDS; version += 1) {
        const requests = await Promise.all(
          stores.slice(1).map((store, index) => {
            const publication = {
              store: store.reference,
              folder,
              tool: 'tool',
              version,
              seed: `${index}`,
              bytes: 2000,
            };
            return requestOf(publication, store);
          }),
        );
        const results = await Promise.allSettled(requests.map(publishRelease));
        for (const result of results) {
          if (result.status === 'rejected' && !hasCode(result.reason, 'VERSION_TAKEN')) throw result.reason;
        }
        const won = results.map(({ status }) => status === 'fulfilled');
        expect(won.filter((each) => each).length).toBeLessThan(2);
        winners += won.filter((each) => each).length;
        await verifyRound(reader, requests, won);
      }
      expect(winners).toBeGreaterThan(ROUNDS / 2);
      const { complete, abandoned } = await publishedVersions(reader, 'tool');
      expect(complete.length).toBeGreaterThanOrEqual(winners);
      expect(complete.length + abandoned.length).toBe(ROUNDS);
      await Promise.all(stores.map((store) => store.close()));
      await rm(folder, { recursive: true });
    });
  },
);
