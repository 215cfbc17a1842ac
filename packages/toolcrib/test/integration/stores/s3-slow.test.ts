import { beforeAll, describe, expect, test } from 'vitest';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { openS3Store, type S3StoreOptions } from '../../../src/stores/s3/s3-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { bytesOf } from '../../contract/store-contract.ts';
import { startFaultyServer, tagOf, type Fault } from '../../servers/http.ts';
import { startRawServer } from '../../servers/raw-server.ts';

const OPTIONS: S3StoreOptions = {
  offline: false,
  rewrite: [],
  clock: systemClock,
  random: Math.random,
  credentials: { accessKeyId: 'somebody', secretAccessKey: 'hush' },
  retry: { attempts: 2, firstWaitMs: 1, longestWaitMs: 1 },
  connectTimeoutMs: 500,
  pace: { wholeMs: 300 },
};

function openStore(address: string, stallTimeoutMs = 200): AsyncDisposable & { readonly store: Store } {
  const reference = parseStoreReference(`s3://bucket?endpoint=${address}&pathStyle=true`);
  if (reference.kind !== 's3') throw new Error('not an S3 store');
  const store = openS3Store(reference, { ...OPTIONS, stallTimeoutMs });
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

/** The file is refused to strangers, and then this happens. */
const refusedThen = (...faults: readonly Fault[]): readonly Fault[] => [{ kind: 'status', status: 403 }, ...faults];

// Loading it takes longer than the servers here are given.
beforeAll(() => import('../../../src/stores/s3/sdk.ts'));

describe('an S3 server that is asked with credentials', () => {
  test.concurrent.each([
    ['never ends the head of an answer', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n'],
    ['never ends a listing', 'HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>', ' '],
    ['says nothing', '', ''],
  ])('and %s is UNREACHABLE', async (_, first, again) => {
    await using server = await startRawServer((socket) => {
      socket.write(first);
      const dripping = setInterval(() => socket.write(again), 20);
      socket.once('close', () => clearInterval(dripping));
    });
    await using opened = openStore(`http://${server.host}`);
    await expect(opened.store.list('')).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  test.concurrent.each(['stall', 'truncate'] as const)('and breaks off goes on where it stopped: %s', async (kind) => {
    const file = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, n) => n * 2654435761).buffer);
    const faults = refusedThen({ kind, bytes: 300_000 });
    await using server = await startFaultyServer({ '/bucket/file': file }, { '/bucket/file': faults }, { tags: true });
    await using opened = openStore(server.url, 1000);
    expect((await bytesOf(await opened.store.fetch('file'))).equals(file)).toBe(true);
    const [plain, signed, rest] = server.requests.map(({ headers }) => headers);
    expect([plain?.authorization, plain?.range, signed?.range]).toEqual([undefined, undefined, undefined]);
    expect(signed?.authorization).toMatch(/^AWS4-HMAC-SHA256 /);
    expect(rest).toMatchObject({ range: 'bytes=300000-', 'if-match': tagOf(file) });
    expect(server.requests).toHaveLength(3);
  });

  test('and has another file when it is asked for the rest does not give it out for that', async () => {
    const changed: Fault = {
      kind: 'status',
      status: 412,
      body: '<Error><Code>PreconditionFailed</Code></Error>',
    };
    const faults = refusedThen({ kind: 'truncate', bytes: 300 }, changed);
    const files = { '/bucket/file': Buffer.alloc(1000) };
    await using server = await startFaultyServer(files, { '/bucket/file': faults }, { tags: true });
    await using opened = openStore(server.url, 10_000);
    const file = await opened.store.fetch('file');
    await expect(bytesOf(file)).rejects.toMatchObject({ name: 'RemoteError', details: { status: 412 } });
    expect(server.requests).toHaveLength(3);
  });
});
