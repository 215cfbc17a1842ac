import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openCache } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { bytesOf, createScratch } from '../../unit/disk/scratch.ts';
import type { RacerLine, RacerOrder } from './cache-racer.ts';

const SCRIPT = fileURLToPath(new URL('cache-racer.ts', import.meta.url));
/** Syncing costs nothing in memory, and it is processes that die here, not the machine. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** So short that things become old while the test runs; long enough for a process that has to wait for a processor. */
const TIMES = { recordEveryMs: 200, graceMs: 3000 };
const ROLES = ['resolve', 'resolve', 'resolve', 'stream', 'stream', 'collect', 'collect'] as const;
const KILLS = 40;

interface Racer {
  readonly child: ChildProcess;
  readonly end: Promise<unknown>;
}

function startRacer(order: RacerOrder, heard: RacerLine[], errors: string[]): Racer {
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'toolcrib-test-compile-cache') },
  });
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    heard.push(...lines.map((line) => JSON.parse(line) as RacerLine));
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
  child.stdin.on('error', () => undefined);
  return { child, end: once(child, 'close') };
}

test('collections that race with each other, with resolutions and with streams, killed at random times, make nobody fail', async () => {
  await using scratch = await createScratch(MEMORY);
  const [store, cacheDirectory] = [join(scratch.path, 'store'), join(scratch.path, 'cache')];
  await mkdir(store);
  // So many that each is used less often than it becomes old.
  const artifacts = Array.from({ length: 60 }, (_, index) =>
    Buffer.concat([Buffer.from('\x7fELF', 'latin1'), bytesOf(5000 * (1 + (index % 10)), index)]),
  );
  for (const [index, bytes] of artifacts.entries())
    await writeFile(join(store, `probe-amd64-any-v${index + 1}`), bytes);
  const digests = artifacts.map((bytes) => digestOf(bytes));

  const heard: RacerLine[] = [];
  const errors: string[] = [];
  const start = (role: RacerOrder['role']) =>
    startRacer({ role, cacheDirectory, store, digests, times: TIMES }, heard, errors);
  const racers = ROLES.map((role) => start(role));
  for (let kill = 0; kill < KILLS; kill++) {
    await sleep(800 * Math.random());
    const index = Math.floor(Math.random() * ROLES.length);
    racers[index]?.child.kill('SIGKILL');
    await racers[index]?.end;
    racers[index] = start(ROLES[index] ?? 'collect');
  }
  for (const { child } of racers) child.stdin?.end();
  await Promise.all(racers.map(({ end }) => end));

  expect(heard.filter((line) => 'failed' in line)).toEqual([]);
  expect(errors).toEqual([]);
  const cache = openCache(cacheDirectory, { clock: systemClock, times: TIMES });
  expect((await cache.verify()).filter(({ kind }) => kind !== 'leftover')).toEqual([]);
  await cache.collect({});
  expect(await cache.verify()).toEqual([]);
  expect(await readdir(join(cacheDirectory, 'v1/leases'))).toEqual([]);

  // Else nothing was shown.
  const did = heard.flatMap((line) => ('did' in line ? [line] : []));
  const count = (role: string, tier?: string) =>
    did.filter((line) => line.did === role && (tier === undefined || line.tier === tier)).length;
  expect(did.reduce((sum, { removed }) => sum + removed, 0)).toBeGreaterThan(10);
  expect(count('resolve', 'cache')).toBeGreaterThan(10);
  expect(count('resolve', 'store')).toBeGreaterThan(10);
  expect(count('stream')).toBeGreaterThan(0);
});
