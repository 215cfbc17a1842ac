import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/core/errors.ts';
import { publishRelease, type PublishReport } from '../../../src/publish/publish-release.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { openS3Store } from '../../../src/stores/s3/s3-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { s3Options, s3Reference } from '../../contract/store-s3-client.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { startFaultProxy, type ProxiedRequest, type ProxyFault } from '../../servers/fault-proxy.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { openTestHttpStore, startServe } from '../../servers/serve.ts';
import { requestOf } from './release-fixture.ts';

const s3 = requireOrSkip(await s3Available());

/** A server that keeps releases, and a client of it that speaks to an address. */
interface Site {
  readonly server: string;
  readonly open: (address: string) => Store;
}

/** What befalls one request, and how many after it; whether a publication gets over it. */
const FAULTS: readonly (readonly [name: string, fault: ProxyFault, times: number, survives: boolean])[] = [
  ['is cut in the middle', { moment: 'mid-request' }, 1, true],
  ['is done, and its answer is lost', { moment: 'before-answer' }, 1, true],
  ['is done, and answered with an error', { moment: 'before-answer', status: 503 }, 1, true],
  ['is the last that arrives', { moment: 'before-answer' }, Infinity, false],
];

/** Does not wait before it tries again. */
const clock = { ...systemClock, sleep: () => Promise.resolve() };

async function publishThrough(
  site: Site,
  folder: string,
  tool: string,
  faultOf: (request: ProxiedRequest) => ProxyFault | undefined,
): Promise<{ readonly requests: number; readonly report: PublishReport | undefined }> {
  await using proxy = await startFaultProxy(site.server, faultOf);
  const store = site.open(proxy.url);
  try {
    const publication = { store: '', folder, tool, version: 1, seed: 'one', bytes: 3000 };
    const report = await publishRelease(await requestOf(publication, store)).catch((error: unknown) => {
      if (!hasCode(error, 'UNREACHABLE')) throw error;
      return undefined;
    });
    return { requests: proxy.requests.length, report };
  } finally {
    await store.close();
  }
}

/** Whether readers see the whole; that they see a part as the whole fails the test. */
async function isWhole(site: Site, tool: string): Promise<boolean> {
  const store = site.open(site.server);
  const release = await readRelease(store, { tool, version: 1 });
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(store, file.name, file);
  await store.close();
  return release !== undefined;
}

/** @returns for each request of a publication whether it got over the fault. */
async function failAtEachRequest(
  site: Site,
  folder: string,
  fault: ProxyFault,
  times: number,
): Promise<readonly boolean[]> {
  const { requests } = await publishThrough(site, folder, 'undisturbed', () => undefined);
  const survived: boolean[] = [];
  for (let number = 1; number <= requests; number += 1) {
    const tool = `demo-${number}`;
    const hit = (seen: ProxiedRequest): boolean => seen.number >= number && seen.number < number + times;
    const { report } = await publishThrough(site, folder, tool, (seen) => (hit(seen) ? fault : undefined));
    const whole = await isWhole(site, tool);
    if (report !== undefined) expect({ whole, complete: report.complete }).toEqual({ whole: true, complete: true });
    const again = await publishThrough(site, folder, tool, () => undefined);
    expect(again.report).toMatchObject({ complete: true });
    expect(await isWhole(site, tool)).toBe(true);
    survived.push(report !== undefined);
  }
  return survived;
}

function describeSite(kind: string, use: (work: (site: Site, folder: string) => Promise<void>) => Promise<void>): void {
  test.each(FAULTS)(`to ${kind} of which each request in turn %s`, async (_, fault, times, survives) => {
    await use(async (site, folder) => {
      const survived = await failAtEachRequest(site, folder, fault, times);
      expect(survived.length).toBeGreaterThan(12);
      expect(survived.every((each) => each === survives)).toBe(true);
    });
  });
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-faults-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('a publication', () => {
  describe('to S3', s3, () => {
    describeSite('S3', (work) =>
      inFolder(async (folder) => {
        await using bucket = await freshBucket({ publicRead: true });
        const open = (endpoint: string): Store =>
          openS3Store(s3Reference(bucket.name, { endpoint }), { ...s3Options, clock });
        await work({ server: s3Server.endpoint, open }, folder);
      }),
    );
  });

  describeSite('an HTTP store', (work) =>
    inFolder(async (folder) => {
      await using server = await startServe();
      await work({ server: server.url, open: (url) => openTestHttpStore(url, server.token, { clock }) }, folder);
    }),
  );
});
