import { describe, expect, test } from 'vitest';
import { RemoteError } from '../../../src/core/errors.ts';
import { openS3Store, type S3StoreOptions } from '../../../src/stores/s3/s3-store.ts';
import type { Store } from '../../../src/stores/store.ts';
import { bytesOf, sourceOf } from '../../contract/store-contract.ts';
import { s3Options, s3Reference } from '../../contract/store-s3-client.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available } from '../../servers/s3.ts';
import { startProxy } from '../transfer/proxy-server.ts';
import { startStrictS3, type PutFault, type StrictS3 } from './strict-s3.ts';

const NAME = 'tool-amd64-v1';
const BYTES = Buffer.from('the artifact');
const SOURCE = sourceOf(BYTES);
const KEYS = { accessKeyId: 'KEY', secretAccessKey: 'secret-of-the-test' };

function storeOf(server: StrictS3, options: Partial<S3StoreOptions> = {}): Store {
  return openS3Store(s3Reference('bucket', { endpoint: server.url }), { ...s3Options, credentials: KEYS, ...options });
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function createAgainst(...faults: readonly PutFault[]): Promise<{ outcome: unknown; server: StrictS3 }> {
  await using server = await startStrictS3({ faults });
  const store = storeOf(server);
  const outcome = await failureOf(store.create(NAME, SOURCE).then((text) => Promise.reject(new Error(text))));
  await store.close();
  return { outcome, server };
}

describe('creating an object in S3', () => {
  test('is one signed PutObject with the digest, the length and If-None-Match', async () => {
    const { outcome, server } = await createAgainst();
    expect(outcome).toMatchObject({ message: 'created' });
    expect(server.requests).toEqual([`PUT ${NAME}`]);
    expect(server.objects.get(NAME)).toEqual(BYTES);
  });

  test('says that the object exists when the answer to its own upload was lost', async () => {
    const { outcome, server } = await createAgainst('lose-answer');
    expect(outcome).toMatchObject({ message: 'exists' });
    expect(server.requests).toEqual([`PUT ${NAME}`, `HEAD ${NAME}`]);
    expect(server.objects.get(NAME)).toEqual(BYTES);
  });

  test('tries again after a lost request, a conflict and a plea to slow down', async () => {
    const { outcome, server } = await createAgainst('lose-request', 'conflict', 'slow-down');
    expect(outcome).toMatchObject({ message: 'created' });
    expect(server.requests.filter((request) => request.startsWith('PUT'))).toHaveLength(4);
  });

  test('says that the object exists when a conflicting writer was faster', async () => {
    const { outcome, server } = await createAgainst({ conflictWith: 'theirs' });
    expect(outcome).toMatchObject({ message: 'exists' });
    expect(server.objects.get(NAME)?.toString()).toBe('theirs');
  });

  test('gives up with UNREACHABLE when nothing helps', async () => {
    const { outcome, server } = await createAgainst('slow-down', 'slow-down', 'slow-down', 'slow-down');
    expect(outcome).toMatchObject({ code: 'UNREACHABLE', details: { status: 503, code: 'SlowDown' } });
    expect(server.objects.size).toBe(0);
  });

  test('leaves nothing when bytes changed on the way', async () => {
    const { outcome, server } = await createAgainst('corrupt');
    expect(outcome).toMatchObject({ code: 'REMOTE_REFUSED', details: { code: 'XAmzContentSHA256Mismatch' } });
    expect(server.objects.size).toBe(0);
  });

  test('explains what to do when the bucket takes no ACLs', async () => {
    const { outcome } = await createAgainst({ refuse: 'AccessControlListNotSupported' });
    if (!(outcome instanceof RemoteError)) throw outcome;
    expect(outcome.code).toBe('REMOTE_REFUSED');
    expect(outcome.hint).toContain('bucket policy');
  });

  test('is refused at once with unknown keys, and the secret is in no message', async () => {
    await using server = await startStrictS3({ accessKeyId: 'ANOTHER' });
    const failure = await failureOf(storeOf(server).create(NAME, SOURCE));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { code: 'InvalidAccessKeyId' } });
    expect(server.requests).toEqual([`PUT ${NAME}`]);
    expect(JSON.stringify(failure) + String(failure)).not.toContain(KEYS.secretAccessKey);
  });
});

describe('reading an object from S3', () => {
  test('needs no credentials when everybody may read', async () => {
    await using server = await startStrictS3({ publicRead: true });
    await storeOf(server).create(NAME, SOURCE);
    const store = storeOf(server, { credentials: { accessKeyId: 'WRONG', secretAccessKey: 'wrong' } });
    expect(await bytesOf(await store.fetch(NAME))).toEqual(BYTES);
    expect(await store.fetch('tool-arm64-v1')).toBeUndefined();
    await store.close();
  });

  test('signs only after an anonymous refusal, and remembers that this bucket is private', async () => {
    await using server = await startStrictS3();
    const store = storeOf(server);
    await store.create(NAME, SOURCE);
    for (let round = 0; round < 3; round += 1) expect(await bytesOf(await store.fetch(NAME))).toEqual(BYTES);
    expect(server.requests).toEqual([`PUT ${NAME}`, ...Array.from({ length: 4 }, () => `GET ${NAME}`)]);
    expect(await store.fetch('tool-arm64-v1')).toBeUndefined();
    await store.close();
  });

  test('never goes to the origin of an object that a rewrite rule moved', async () => {
    await using origin = await startStrictS3();
    await using mirror = await startStrictS3();
    const store = storeOf(origin, { rewrite: [{ from: origin.url, to: mirror.url }] });
    await store.create(NAME, SOURCE);
    expect(await failureOf(store.fetch(NAME))).toMatchObject({ details: { status: 403, mayBeMissing: true } });
    expect(origin.requests).toEqual([`PUT ${NAME}`]);
    expect(mirror.requests).toEqual([`GET ${NAME}`]);
    await store.close();
  });

  test('opens no socket when offline, for whatever is asked', async () => {
    await using server = await startStrictS3();
    const store = storeOf(server, { offline: true });
    for (const work of [() => store.fetch(NAME), () => store.create(NAME, SOURCE), () => store.list('')]) {
      expect(await failureOf(work())).toMatchObject({ code: 'OFFLINE' });
    }
    expect(server.requests).toEqual([]);
  });

  test('says UNREACHABLE when nobody listens', async () => {
    const server = await startStrictS3();
    await server[Symbol.asyncDispose]();
    const store = storeOf(server, { retry: { attempts: 2, firstWaitMs: 1, longestWaitMs: 1 } });
    for (const work of [() => store.fetch(NAME), () => store.create(NAME, SOURCE), () => store.list('')]) {
      expect(await failureOf(work())).toMatchObject({ code: 'UNREACHABLE' });
    }
  });
});

describe('an endpoint without TLS', () => {
  test('that is another machine gets no credentials, not even of who writes or lists; what is public is read', async () => {
    await using server = await startStrictS3({ publicRead: true });
    await storeOf(server).create(NAME, SOURCE);
    await using proxy = await startProxy();
    const reference = s3Reference('bucket', { endpoint: 'http://192.0.2.1:7480' });
    const credentials = { ...KEYS, sessionToken: 'planted-token' };
    const store = openS3Store(reference, { ...s3Options, credentials, proxy: { http: proxy.url } });
    for (const work of [() => store.create(NAME, SOURCE), () => store.list('')]) {
      const failure = await failureOf(work());
      expect(failure).toMatchObject({ code: 'USAGE', hint: expect.stringContaining('TLS') as string });
    }
    expect(proxy.asked).toEqual([]);
    await store.close();
    const rewrite = [{ from: 'http://192.0.2.1:7480', to: server.url }];
    const reader = openS3Store(reference, { ...s3Options, credentials, rewrite });
    expect(await bytesOf(await reader.fetch(NAME))).toEqual(BYTES);
    await reader.close();
  });
});

describe('behind a proxy', () => {
  test('everything goes through the proxy', async () => {
    await using server = await startStrictS3();
    await using proxy = await startProxy();
    const store = storeOf(server, { proxy: { http: proxy.url } });
    expect(await store.create(NAME, SOURCE)).toBe('created');
    expect(await bytesOf(await store.fetch(NAME))).toEqual(BYTES);
    expect(proxy.asked.map((line) => line.split('?')[0])).toEqual([
      `PUT ${server.url}/bucket/${NAME}`,
      `GET ${server.url}/bucket/${NAME}`,
      `GET ${server.url}/bucket/${NAME}`,
    ]);
    await store.close();
  });
});

describe('on Ceph RGW', requireOrSkip(await s3Available()), () => {
  test('acl=public-read makes an object of a private bucket readable for curl', async () => {
    await using bucket = await freshBucket();
    const store = openS3Store(s3Reference(bucket.name, { acl: 'public-read' }), s3Options);
    await store.create(NAME, SOURCE);
    const response = await fetch(`${bucket.url}/${NAME}`);
    expect(await response.text()).toBe(BYTES.toString());
    await store.close();
  });

  test('lists more names than one page holds', async () => {
    await using bucket = await freshBucket();
    const store = openS3Store(s3Reference(bucket.name), s3Options);
    const names = Array.from({ length: 1005 }, (_, index) => `tool-amd64-v${index + 1}`);
    for (let at = 0; at < names.length; at += 50) {
      await Promise.all(names.slice(at, at + 50).map((name) => store.create(name, SOURCE)));
    }
    expect(await store.list('tool-')).toEqual([...names].sort());
    await store.close();
  });

  test('a bucket that is not there is refused with its reason', async () => {
    const store = openS3Store(s3Reference('no-such-bucket-of-ours'), s3Options);
    expect(await failureOf(store.create(NAME, SOURCE))).toMatchObject({ details: { code: 'NoSuchBucket' } });
    expect(await failureOf(store.list(''))).toMatchObject({ details: { code: 'NoSuchBucket' } });
    await store.close();
  });
});
