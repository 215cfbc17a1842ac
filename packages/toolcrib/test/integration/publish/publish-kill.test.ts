import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { openStore, requestOf, type Publication } from './release-fixture.ts';

const s3 = requireOrSkip(await s3Available());
const KILLS = 22;
const BYTES = 3_000_000;
const PROCESS = fileURLToPath(new URL('publishing-process.ts', import.meta.url));

/** Lets a process publish, and kills it so many milliseconds after it began; undefined lets it live. */
async function publishInProcess(
  publication: Publication,
  killAfterMs: number | undefined,
): Promise<{ ms: number; done: boolean }> {
  const { store, folder, tool, version, seed, bytes } = publication;
  const told = [store, folder, tool, version, seed, bytes].map(String);
  const child = spawn(process.execPath, [PROCESS, ...told], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let began = 0;
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (began !== 0 || !output.includes('begin')) return;
    began = performance.now();
    if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return { ms: performance.now() - began, done: output.includes('done') };
}

/** What every reader sees at any time: nothing complete, or a release of which every byte is right. */
async function verifyWhatReadersSee(publication: Publication): Promise<boolean> {
  const store = openStore(publication.store);
  const release = await readRelease(store, publication);
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(store, file.name, file);
  await store.close();
  return release !== undefined;
}

async function killAndRepeat(storeUrl: string, folder: string): Promise<void> {
  const publication = { store: storeUrl, folder, tool: 'tool', seed: 'one', bytes: BYTES };
  const { ms } = await publishInProcess({ ...publication, version: 1 }, undefined);
  const seen = { interrupted: 0, complete: 0 };
  for (let version = 2; version < 2 + KILLS; version += 1) {
    // Spread over the whole time that an undisturbed publication takes, in an order that does not matter.
    const { done } = await publishInProcess({ ...publication, version }, (ms * (version - 1.5)) / KILLS);
    const complete = await verifyWhatReadersSee({ ...publication, version });
    if (done) expect(complete).toBe(true);
    seen[complete ? 'complete' : 'interrupted'] += 1;
    const store = openStore(storeUrl);
    const report = await publishRelease(await requestOf({ ...publication, version }, store));
    expect(report.complete).toBe(true);
    await store.close();
    expect(await verifyWhatReadersSee({ ...publication, version })).toBe(true);
  }
  expect(seen.interrupted).toBeGreaterThan(KILLS / 3);
  const store = openStore(storeUrl);
  const versions = await publishedVersions(store, 'tool');
  await store.close();
  expect(versions).toMatchObject({
    complete: Array.from({ length: KILLS + 1 }, (_, index) => index + 1),
    abandoned: [],
  });
}

describe('a publisher that is killed at any point, and repeated', () => {
  test('completes its release in a directory store', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'toolcrib-kill-'));
    await killAndRepeat(`file:${join(folder, 'store')}`, folder);
    await rm(folder, { recursive: true });
  });

  test('completes its release in S3', s3, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'toolcrib-kill-'));
    await using bucket = await freshBucket({ publicRead: true });
    const url = `s3://${bucket.name}/tools?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`;
    await killAndRepeat(url, folder);
    await rm(folder, { recursive: true });
  });
});
