import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { digestHex } from '../../../src/core/digest.ts';
import { ToolcribError } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { createHost, systemClock } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { resolveArtifact } from '../../../src/flows/resolve-artifact.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { registryAvailable } from '../../servers/registry.ts';
import { s3Available, s3Server } from '../../servers/s3.ts';
import { cliEnvironment, documentOf, toolcrib } from '../cli/command-line.ts';
import { chanceOf } from './chance.ts';
import {
  DIGEST,
  openNetwork,
  SECRETS,
  startStores,
  STORE_KINDS,
  type FaultyNetwork,
  type Stores,
} from './faulty-network.ts';
import { FAULTS, type FaultName } from './network-faults.ts';

/** The same choices come again with the same seed: `TOOLCRIB_TEST_SEED=N`. */
const SEED = Number(process.env['TOOLCRIB_TEST_SEED'] ?? 20_260_102);
const RESOLVES = 500;
const AT_ONCE = 16;
const BY_COMMAND = 10;
/** No resolve with the patience of {@link quickHost} takes nearly as long: one that does hangs. */
const HANGS_AFTER_MS = 100_000;

const missing = (await registryAvailable()) ?? (await s3Available());

const AWS = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };

let stores: Stores;
beforeAll(async () => {
  if (missing !== undefined) return;
  // The SDK looks for them where it always does.
  for (const [name, value] of Object.entries(AWS)) vi.stubEnv(name, value);
  stores = await startStores();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  if (missing === undefined) await stores[Symbol.asyncDispose]();
});

/** A clock on which only servers take time. */
const QUICK: Clock = { ...systemClock, sleep: (_, signal) => systemClock.sleep(0, signal) };

interface End {
  readonly outcome: string;
  readonly happened: readonly FaultName[];
  readonly continued: number;
}

/** One resolve on a network that the seed makes. @throws Error that names the seed when anything is not as promised. */
async function resolveBySeed(seed: number): Promise<End> {
  const chance = chanceOf(seed);
  const kinds = chance.some(STORE_KINDS);
  const weather = {
    chance,
    faults: chance.some(FAULTS),
    share: chance.pick([0.1, 0.4, 0.8]),
    proxied: chance.fraction() < 0.05,
  };
  await using network = await openNetwork(stores, kinds, weather);
  const told: string[] = [];
  try {
    const outcome = await resolveQuickly(network, told);
    await verifyCache(network.project.folder);
    const leaks = [...network.leaks(), ...told.filter((text) => SECRETS.some((secret) => text.includes(secret)))];
    if (leaks.length > 0) throw new Error(`leaked: ${leaks.join('; ')}`);
    return { outcome, happened: network.happened, continued: network.continued() };
  } catch (error) {
    const where = `seed ${seed}, stores ${kinds.join(', ')}, faults ${network.happened.join(', ')}`;
    throw new Error(`${where}: ${String(error)}\n${told.join('\n')}`, { cause: error });
  }
}

/** Resolves, with everything that is said put into `told`. @returns `verified`, or the code of a typed error. */
async function resolveQuickly(network: FaultyNetwork, told: string[]): Promise<string> {
  const hangs = AbortSignal.timeout(HANGS_AFTER_MS);
  const { folder } = network.project;
  const host = createHost({
    env: cliEnvironment(folder, network.env),
    cwd: folder,
    cacheDirectory: join(folder, 'cache'),
    clock: QUICK,
    signal: hangs,
    reporter: { ...silentReporter, notice: (notice) => void told.push(JSON.stringify(notice)) },
    patience: { connectTimeoutMs: 2000, stallTimeoutMs: 100 },
  });
  try {
    const { path, digest } = await resolveArtifact(await openProject(host), host, { target: 'amd64-any' });
    expect([digest, await sha256Of(path)]).toEqual([DIGEST, digestHex(DIGEST)]);
    return 'verified';
  } catch (error) {
    if (!(error instanceof ToolcribError)) throw error;
    told.push(JSON.stringify([error.message, error.hint, error.details]));
    return error.code;
  }
}

async function sha256Of(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}

/** Every file in the cache that stands for bytes has those that it is named for, and no other is left. */
async function verifyCache(folder: string): Promise<void> {
  const options = { recursive: true, withFileTypes: true } as const;
  for (const entry of await readdir(join(folder, 'cache/v1/blobs'), options).catch(() => [])) {
    if (!entry.isDirectory()) expect(await sha256Of(join(entry.parentPath, entry.name))).toBe(entry.name);
  }
}

describe('on a network with faults', requireOrSkip(missing), () => {
  test(`${RESOLVES} resolves end in the verified artifact or in a typed error, and show credentials to nobody else`, async () => {
    const seeds = Array.from({ length: RESOLVES }, (_, n) => SEED + n);
    const ends: End[] = [];
    const worker = async (): Promise<void> => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) ends.push(await resolveBySeed(seed));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    const outcomes = countsOf(ends.map(({ outcome }) => outcome));
    const faults = countsOf(ends.flatMap(({ happened }) => happened));
    // Otherwise it would be the network that had no faults, or nothing but.
    expect(outcomes['verified']).toBeGreaterThan(RESOLVES / 10);
    expect(Object.keys(outcomes)).toEqual(expect.arrayContaining(['DIGEST_MISMATCH', 'UNREACHABLE', 'NOT_FOUND']));
    expect(Object.keys(faults).sort()).toEqual([...FAULTS].sort());
    expect(ends.filter(({ continued }) => continued > 0).length).toBeGreaterThan(RESOLVES / 50);
  });

  test('so do those of the command line', async () => {
    const quick = FAULTS.filter((name) => !name.startsWith('stall'));
    const ends = Array.from({ length: BY_COMMAND }, async (_, n) => {
      const chance = chanceOf(SEED - 1 - n);
      const weather = { chance, faults: quick, share: 0.3, proxied: n === 0 };
      await using network = await openNetwork(stores, chance.some(STORE_KINDS), weather);
      const { folder } = network.project;
      const end = await toolcrib(['resolve', '--json', '--target', 'amd64-any'], {
        cwd: folder,
        env: { ...network.env, ...AWS },
      });
      const seen = `seed ${SEED - 1 - n}: ${JSON.stringify(end)}`;
      expect([0, 3, 4, 7], seen).toContain(end.code);
      if (end.code === 0) expect(documentOf(end), seen).toMatchObject({ digest: DIGEST });
      else
        expect(documentOf(end), seen).toMatchObject({ error: { code: expect.stringMatching(/^[A-Z_]+$/) as unknown } });
      await verifyCache(folder);
      expect(network.leaks(), seen).toEqual([]);
      for (const secret of SECRETS) expect(seen).not.toContain(secret);
    });
    await Promise.all(ends);
  });
});

function countsOf(names: readonly string[]): Record<string, number> {
  return names.reduce<Record<string, number>>((counts, name) => ({ ...counts, [name]: (counts[name] ?? 0) + 1 }), {});
}
