/**
 * Uses a cache or collects it, over and over, as a process of its own: `cache-racer.ts JSON`. Prints a line of JSON for
 * each thing that it did or that failed, and ends when its stdin does.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCache, type Cache } from '../../../src/cache/cache.ts';
import type { UseTimes } from '../../../src/cache/last-use.ts';
import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { digestOf, type Digest } from '../../../src/core/digest.ts';
import { isSystemError, messageOf } from '../../../src/core/errors.ts';
import { silentReporter } from '../../../src/core/reporter.ts';
import { parseSums } from '../../../src/core/sums.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { resolveArtifact } from '../../../src/resolve/resolve-artifact.ts';
import { openDirectoryStore } from '../../../src/stores/directory/directory-store.ts';
import { allBytes } from '../../unit/disk/scratch.ts';

/** What the process is told. */
export interface RacerOrder {
  /** `resolve`: resolves, and reads what it got soon after; `stream`: reads under a lease for long; `collect`. */
  readonly role: 'resolve' | 'stream' | 'collect';
  readonly cacheDirectory: string;
  /** Absolute path of a directory store with versions of the tool `probe`, from 1 on, for `amd64-any`. */
  readonly store: string;
  /** Digests of the versions, the first that of version 1. */
  readonly digests: readonly Digest[];
  readonly times: UseTimes;
}

/** One thing that a process did. */
export type RacerLine =
  | { readonly did: RacerOrder['role']; readonly removed: number; readonly tier: string | null }
  | { readonly failed: string };

const TARGET = parseTarget('amd64-any');
const say = (line: RacerLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
const anyOf = ({ length }: readonly unknown[]) => Math.floor(Math.random() * length);

async function resolve(order: RacerOrder, cache: Cache, index: number) {
  const digest = order.digests[index] ?? 'sha256:';
  const version = index + 1;
  const sums = `${digest.slice('sha256:'.length)}  probe-amd64-any-v${version}\n`;
  const store = { kind: 'directory', url: `file:${order.store}`, directory: order.store } as const;
  return await resolveArtifact({
    pins: {
      ...{ tool: 'probe', version, targets: [TARGET], sums: parseSums(sums, 'SHA256SUMS'), sumsFile: 'SHA256SUMS' },
      ...{ binaries: [], stores: [store], rewrite: [], attestation: NO_ATTESTATION_POLICY, revocationFile: undefined },
      ...{ install: [], entrypoint: [], healthcheck: [] },
    },
    ...{ target: TARGET, cache, offline: false, reporter: silentReporter, clock: systemClock },
    openStore: () => Promise.resolve(openDirectoryStore(store, { folder: order.store, clock: systemClock })),
    openVerifier: () => Promise.reject(new Error('asked for a verifier')),
    openRevocations: () => Promise.reject(new Error('asked for revocations')),
  });
}

/** Who resolved has to be able to open what it got until the grace is over; later, it may be gone. */
async function resolveAndRead(order: RacerOrder, cache: Cache): Promise<string> {
  const sure = performance.now() + order.times.graceMs - order.times.recordEveryMs;
  const { path, digest, tier } = await resolve(order, cache, anyOf(order.digests));
  await sleep(Math.random() * 300);
  const bytes = await readFile(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT') && performance.now() > sure) return undefined;
    throw error;
  });
  if (bytes !== undefined && digestOf(bytes) !== digest) throw new Error(`${path} has other bytes`);
  return tier;
}

/** Who has a lease may take as long as it likes: artifact and tar are there, each time that they are opened. */
async function stream(order: RacerOrder, cache: Cache): Promise<void> {
  const index = anyOf(order.digests);
  await using _lease = await cache.lease(order.digests[index] ?? 'sha256:');
  const { path, digest } = await resolve(order, cache, index);
  const unpacked = await cache.unpacked({ path, digest, tool: 'probe' });
  for (let time = 0; time < 3; time++) {
    await sleep(Math.random() * order.times.graceMs);
    if (digestOf(await readFile(path)) !== digest) throw new Error(`${path} has other bytes`);
    if (digestOf(await allBytes(unpacked.openUnverified())) !== unpacked.tarDigest) throw new Error('another tar');
  }
}

async function collect(order: RacerOrder, cache: Cache): Promise<number> {
  const { removed } = await cache.collect({ maxBytes: Math.random() < 0.5 ? 0 : 500_000 });
  await sleep(Math.random() * 50);
  return removed.length;
}

async function once(order: RacerOrder, cache: Cache): Promise<RacerLine> {
  const { role } = order;
  try {
    const tier = role === 'resolve' ? await resolveAndRead(order, cache) : null;
    if (role === 'stream') await stream(order, cache);
    return { did: role, removed: role === 'collect' ? await collect(order, cache) : 0, tier };
  } catch (error) {
    return { failed: `${role}: ${messageOf(error)}\n${error instanceof Error ? (error.stack ?? '') : ''}` };
  }
}

if (import.meta.main) {
  const order = JSON.parse(process.argv[2] ?? '') as RacerOrder;
  const cache = openCache(order.cacheDirectory, { clock: systemClock, times: order.times });
  const ending = new AbortController();
  process.stdin.once('end', () => ending.abort()).resume();
  while (!ending.signal.aborted) {
    const line = await once(order, cache);
    say(line);
    if ('failed' in line) break;
  }
}
