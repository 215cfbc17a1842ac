import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openCache } from '../../../src/cache/cache.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { digestFile } from '../../../src/disk/digest-file.ts';
import { systemClock } from '../../../src/flows/host.ts';
import { gzip, writeTar } from '../../../src/tar/write.ts';
import { startFaultyServer, startFileServer } from '../../servers/http.ts';
import { allBytes, bytesOf, createScratch } from '../../unit/disk/scratch.ts';
import type { Order } from './resolve-once.ts';
import { NAME, startResolver, sumsOf } from './resolver-process.ts';

test('fifty processes that miss the same artifact cause one download and get the same verified bytes', async () => {
  await using scratch = await createScratch();
  const bytes = bytesOf(3_000_000);
  await using server = await startFileServer({ [`/${NAME}`]: bytes });
  const order: Order = { cacheDirectory: scratch.path, sums: sumsOf(bytes), server: server.url, unpack: false };
  const ends = await Promise.all(Array.from({ length: 50 }, () => startResolver(order).end));
  expect(ends.filter(({ code }) => code !== 0)).toEqual([]);
  expect(server.count(`/${NAME}`)).toBe(1);
  expect(ends.filter(({ line }) => line['tier'] === 'store')).toHaveLength(1);
  expect(new Set(ends.map(({ line }) => `${String(line['path'])} ${String(line['digest'])}`)).size).toBe(1);
  expect(await digestFile(String(ends[0]?.line['path']))).toEqual({ digest: digestOf(bytes), size: bytes.length });
});

test('many processes and a store with wrong bytes: all are refused, and nothing is left', async () => {
  await using scratch = await createScratch();
  const bytes = bytesOf(300_000);
  await using server = await startFileServer({ [`/${NAME}`]: bytesOf(300_000, 2) });
  const order: Order = { cacheDirectory: scratch.path, sums: sumsOf(bytes), server: server.url, unpack: false };
  const ends = await Promise.all(Array.from({ length: 12 }, () => startResolver(order).end));
  expect(ends.filter(({ code, line }) => code !== 1 || line['code'] !== 'DIGEST_MISMATCH')).toEqual([]);
  expect(await readdir(join(scratch.path, 'v1', 'blobs', 'sha256'))).toEqual([]);
});

/** Syncing costs nothing in memory, and it is processes that die here, not the machine. */
const MEMORY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

test('kill -9 of a random process at a random time, again and again, never leaves a wrong byte', async () => {
  await using scratch = await createScratch(MEMORY);
  await using server = await startSlowServer();
  const cache = openCache(scratch.path, { clock: systemClock });
  let killed = 0;
  let usual = 150;
  for (let round = 0; round < 100; round++) {
    const bytes = await artifactOf(round);
    const order: Order = {
      cacheDirectory: scratch.path,
      sums: sumsOf(bytes),
      server: server.serve(bytes),
      unpack: true,
    };
    const started = performance.now();
    const [victim, other] = [startResolver(order), startResolver(order)].sort(() => Math.random() - 0.5);
    await sleep(usual * (0.3 + 0.8 * Math.random()));
    victim?.child.kill('SIGKILL');
    const end = await other?.end;
    usual = 0.8 * usual + 0.2 * (performance.now() - started);
    if ((await victim?.end)?.signal === 'SIGKILL') killed += 1;

    expect(end).toMatchObject({ code: 0 });
    expect((await cache.verify()).filter(({ kind }) => kind !== 'leftover')).toEqual([]);
    const path = await cache.find(digestOf(bytes));
    expect(path).toBe(end?.line['path']);
    const unpacked = await cache.unpacked({ path: path ?? '', digest: digestOf(bytes), tool: 'probe' });
    expect(digestOf(await allBytes(unpacked.open()))).toBe(end?.line['tarDigest']);
  }
  // Else the kills came too early or too late to show anything.
  expect(killed).toBeGreaterThan(40);
  expect(server.cut()).toBeGreaterThan(3);
});

test('of fifty processes at once ten are killed at random times, ten times over: the others get the same verified bytes', async () => {
  await using scratch = await createScratch(MEMORY);
  await using server = await startSlowServer();
  const cache = openCache(scratch.path, { clock: systemClock });
  let killed = 0;
  for (let round = 0; round < 10; round++) {
    const bytes = await artifactOf(1000 + round);
    const order: Order = {
      cacheDirectory: scratch.path,
      sums: sumsOf(bytes),
      server: server.serve(bytes),
      unpack: false,
    };
    const resolvers = Array.from({ length: 50 }, () => startResolver(order));
    const victims = resolvers.slice(0, 10).map(async ({ child, end }) => {
      await sleep(2000 * Math.random());
      child.kill('SIGKILL');
      return (await end).signal;
    });
    const others = await Promise.all(resolvers.slice(10).map(({ end }) => end));
    killed += (await Promise.all(victims)).filter((signal) => signal === 'SIGKILL').length;

    expect(others.filter(({ code, line }) => code !== 0 || line['digest'] !== digestOf(bytes))).toEqual([]);
    expect((await cache.verify()).filter(({ kind }) => kind !== 'leftover')).toEqual([]);
    expect(await cache.find(digestOf(bytes))).toBe(others[0]?.line['path']);
  }
  // Else the kills came too late to show anything.
  expect(killed).toBeGreaterThan(20);
});

test('what killed processes left is taken away by the next download', async () => {
  await using scratch = await createScratch();
  await using server = await startStallingServer();
  const order: Order = { cacheDirectory: scratch.path, ...server.artifact, unpack: false };
  const { child, end } = startResolver(order);
  await temporaryFileIn(scratch.path);
  child.kill('SIGKILL');
  await end;
  expect(await openCache(scratch.path, { clock: systemClock }).verify()).toMatchObject([{ kind: 'leftover' }]);
  expect(await startResolver(order).end).toMatchObject({ code: 0, line: { tier: 'store' } });
  expect(await openCache(scratch.path, { clock: systemClock }).verify()).toEqual([]);
});

test('SIGINT in the middle of a download leaves no temporary file', async () => {
  await using scratch = await createScratch();
  await using server = await startStallingServer();
  const order: Order = { cacheDirectory: scratch.path, ...server.artifact, unpack: false };
  const { child, end } = startResolver(order);
  await temporaryFileIn(scratch.path);
  child.kill('SIGINT');
  expect(await end).toMatchObject({ code: 130, line: { code: 'ABORTED' } });
  expect(await readdir(join(scratch.path, 'v1', 'blobs', 'sha256'))).toEqual([]);
});

/** Stops two thirds through the first answer; the next one is whole. */
async function startStallingServer() {
  const bytes = bytesOf(3_000_000);
  const path = `/${NAME}`;
  const server = await startFaultyServer({ [path]: bytes }, { [path]: [{ kind: 'stall', bytes: 2e6 }] });
  return Object.assign(server, { artifact: { sums: sumsOf(bytes), server: server.url } });
}

/** A small tree; another one each round. */
async function artifactOf(round: number): Promise<Buffer> {
  const entries = [{ path: 'tool', kind: 'file' as const, mode: 0o755, bytes: bytesOf(300_000, round + 1) }];
  return allBytes(gzip(writeTar(entries)));
}

async function temporaryFileIn(cacheDirectory: string): Promise<void> {
  const directory = join(cacheDirectory, 'v1', 'blobs', 'sha256');
  while ((await readdir(directory).catch(() => [])).length === 0) await sleep(5);
}

interface SlowServer extends AsyncDisposable {
  /** Serves these bytes from now on, in a dozen pieces over some 40 ms. Returns the base. */
  serve(bytes: Uint8Array): string;
  /** How many answers were not read to their end. */
  cut(): number;
}

async function startSlowServer(): Promise<SlowServer> {
  let served: Uint8Array = Buffer.alloc(0);
  let cut = 0;
  const server = createServer((_request, response) => {
    const bytes = served;
    response.once('close', () => void (cut += response.writableFinished ? 0 : 1));
    response.writeHead(200, { 'content-length': bytes.length });
    const step = Math.ceil(bytes.length / 12);
    const send = (at: number): void => {
      if (response.destroyed) return;
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, at + step));
      setTimeout(send, 3, at + step);
    };
    send(0);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    serve(bytes) {
      served = bytes;
      return `http://127.0.0.1:${port}`;
    },
    cut: () => cut,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
