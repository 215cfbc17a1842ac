import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { startFaultyServer, tagOf, type Fault, type HttpServer } from '../../servers/http.ts';
import { bytesOf } from '../../contract/store-contract.ts';
import { failureOf, transferBy, transferOf, WAYS } from './patient-transfer.ts';

const MEBIBYTE = 1024 * 1024;
/** Bytes of which no piece resembles another. */
const FILE = Buffer.from(Uint32Array.from({ length: MEBIBYTE }, (_, n) => n * 2654435761).buffer);
const SIZE = FILE.byteLength;
const TAG = tagOf(FILE);
const REST = `bytes 1000-${SIZE - 1}/${SIZE}`;

const serving = (...faults: readonly Fault[]): Promise<HttpServer> =>
  startFaultyServer({ '/file': FILE }, { '/file': faults }, { tags: true });

const rangesOf = (server: HttpServer) => server.requests.map(({ headers }) => headers.range);

/** A 206 that says all this of itself, except of its length. */
const partial = (headers: Readonly<Record<string, string>>, body: Uint8Array = FILE.subarray(1000)): Fault => ({
  kind: 'status',
  status: 206,
  headers,
  body,
});

describe.each(WAYS)('a file that is fetched %s', (way) => {
  test.each<Fault>([
    { kind: 'truncate', bytes: 100_000 },
    { kind: 'reset', bytes: 100_000 },
    { kind: 'stall', bytes: 100_000 },
  ])('goes on where it broke off, and says so: $kind', async (fault) => {
    await using server = await serving(fault, fault, fault);
    await using opened = await transferBy(way, { stallTimeoutMs: 500 });
    expect((await bytesOf(await opened.transfer.get(`${server.url}/file`))).equals(FILE)).toBe(true);
    expect(server.requests[0]?.headers.range).toBeUndefined();
    const from = rangesOf(server)
      .slice(1)
      .map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
    // What is on its way when a connection is reset is lost: then it goes on from an earlier byte.
    if (fault.kind === 'reset') expect(from).toHaveLength(3);
    else expect(from).toEqual([100_000, 200_000, 300_000]);
    expect(new Set(server.requests.slice(1).map(({ headers }) => headers['if-range'])).size).toBe(1);
    expect(opened.transfer.told).toHaveLength(1);
    expect(opened.transfer.told[0]).toMatch(/^GET http.* failed: .*; it goes on from byte \d+ of 4194304$/);
  });

  test('ends with UNREACHABLE when it breaks off as often as requests are repeated', async () => {
    await using server = await serving(...Array<Fault>(9).fill({ kind: 'truncate', bytes: 1000 }));
    await using opened = await transferBy(way);
    const failure = await failureOf(bytesOf(await opened.transfer.get(`${server.url}/file`)));
    expect(failure).toMatchObject({ code: 'UNREACHABLE' });
    expect(rangesOf(server)).toEqual([undefined, 'bytes=1000-', 'bytes=2000-', 'bytes=3000-']);
    expect(opened.transfer.waits).toEqual([150, 300, 600]);
  });

  test('goes on more often than that while each time a mebibyte came', async () => {
    const faults = Array<Fault>(3).fill({ kind: 'truncate', bytes: MEBIBYTE });
    await using server = await serving(...faults);
    await using opened = await transferBy(way, { retry: { attempts: 2, firstWaitMs: 1, longestWaitMs: 1 } });
    expect((await bytesOf(await opened.transfer.get(`${server.url}/file`))).equals(FILE)).toBe(true);
    expect(server.count('/file')).toBe(4);
    expect(opened.transfer.waits).toHaveLength(3);
  });
});

describe('the rest of a file', () => {
  const cut: Fault = { kind: 'truncate', bytes: 1000 };

  test('is asked for as patiently as the file', async () => {
    const later: Fault = { kind: 'status', status: 503, headers: { 'retry-after': '2' } };
    await using server = await serving(cut, { kind: 'reset' }, later);
    await using transfer = transferOf();
    expect((await bytesOf(await transfer.get(`${server.url}/file`))).equals(FILE)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, 'bytes=1000-', 'bytes=1000-', 'bytes=1000-']);
    expect(transfer.waits).toEqual([150, 150, 2000]);
  });

  test.each<[string, Fault]>([
    ['has changed', { kind: 'wrong-bytes' }],
    ['is refused', { kind: 'status', status: 403 }],
    ['is gone', { kind: 'status', status: 404 }],
    ['is none', { kind: 'status', status: 416, headers: { 'content-range': 'bytes */10' } }],
    ['has another tag', partial({ 'content-range': REST, etag: '"other"' })],
    ['has a weak tag', partial({ 'content-range': REST, etag: `W/${TAG}` })],
    ['has no tag', partial({ 'content-range': REST })],
    ['begins elsewhere', partial({ 'content-range': `bytes 999-${SIZE - 1}/${SIZE}`, etag: TAG })],
    ['ends elsewhere', partial({ 'content-range': `bytes 1000-${SIZE - 2}/${SIZE}`, etag: TAG })],
    ['is of a longer file', partial({ 'content-range': `bytes 1000-${SIZE - 1}/${SIZE + 1}`, etag: TAG })],
    ['does not say which it is', partial({ etag: TAG })],
  ])('that %s ends in UNREACHABLE, for what was handed out cannot be taken back', async (_, second) => {
    await using server = await serving(cut, second);
    await using transfer = transferOf();
    const failure = await failureOf(bytesOf(await transfer.get(`${server.url}/file`)));
    expect(failure).toMatchObject({ code: 'UNREACHABLE', cause: { code: 'UNREACHABLE' } });
    expect(String(failure)).toContain('it cannot go on from byte 1000');
    expect(server.count('/file')).toBe(2);
  });

  test('that has no length of its own is as long as its range says', async () => {
    const begun = partial({ 'content-range': REST, etag: TAG }, FILE.subarray(1000, 3000));
    await using server = await serving(cut, begun);
    await using transfer = transferOf();
    expect((await bytesOf(await transfer.get(`${server.url}/file`))).equals(FILE)).toBe(true);
    expect(rangesOf(server)).toEqual([undefined, 'bytes=1000-', 'bytes=3000-']);
  });

  test('that is longer than its range says is not believed', async () => {
    await using server = await serving(cut, partial({ 'content-range': REST, etag: TAG }, FILE));
    await using transfer = transferOf();
    const failure = await failureOf(bytesOf(await transfer.get(`${server.url}/file`)));
    expect(failure).toMatchObject({ code: 'UNREACHABLE', details: { network: 'BROKEN_BODY' } });
    expect(server.count('/file')).toBe(2);
  });

  test('is asked for at the original URL, with its credentials, which do not follow the redirect', async () => {
    await using other = await startFaultyServer({ '/file': FILE }, { '/file': [cut] }, { tags: true });
    const away = (signature: number): Fault => ({
      kind: 'redirect',
      location: `${other.url}/file?signature=${signature}`,
    });
    await using server = await serving(away(1), away(2));
    await using transfer = transferOf();
    const file = await transfer.get(`${server.url}/file`, { authorization: 'Bearer hush' });
    expect((await bytesOf(file)).equals(FILE)).toBe(true);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer hush', 'Bearer hush']);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined]);
    expect(rangesOf(other)).toEqual([undefined, 'bytes=1000-']);
  });

  test('is not asked for when the abort comes in the pause before it', async () => {
    await using server = await serving(cut);
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const clock: Clock = {
      now: () => 0,
      elapsed: () => 0,
      sleep: (_, signal) => {
        controller.abort(reason);
        signal?.throwIfAborted();
        return Promise.resolve();
      },
    };
    await using transfer = transferOf({ clock });
    const file = await transfer.get(`${server.url}/file`, { signal: controller.signal });
    expect(await failureOf(bytesOf(file))).toBe(reason);
    expect(server.count('/file')).toBe(1);
  });

  test('is not asked for after an abort, nor when nobody reads any more', async () => {
    await using server = await serving({ kind: 'stall', bytes: 1000 }, { kind: 'stall', bytes: 1000 });
    await using transfer = transferOf();
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const { signal } = controller;
    const reading = (await transfer.get(`${server.url}/file`, { signal }))?.bytes[Symbol.asyncIterator]();
    await reading?.next();
    controller.abort(reason);
    expect(await failureOf(reading?.next() ?? Promise.resolve())).toBe(reason);
    for await (const _piece of (await transfer.get(`${server.url}/file`))?.bytes ?? []) break;
    expect(server.count('/file')).toBe(2);
  });

  test('is asked for by who sends requests only where they say so', async () => {
    await using server = await serving(cut);
    await using other = await serving(cut);
    await using transfer = transferOf();
    const request = { method: 'GET', retry: true } as const;
    const resumed = await transfer.send(`${server.url}/file`, { ...request, resume: true });
    expect((await bytesOf(resumed)).equals(FILE)).toBe(true);
    const plain = await transfer.send(`${other.url}/file`, request);
    expect(await failureOf(bytesOf(plain))).toMatchObject({ code: 'UNREACHABLE' });
  });
});
