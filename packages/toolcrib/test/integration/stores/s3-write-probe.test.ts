import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, test, vi } from 'vitest';
import { parseStoreReference } from '../../../src/core/reference.ts';
import { inspectBucketWrites } from '../../../src/stores/s3/write-inspector.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { failureOf } from '../transfer/patient-transfer.ts';

/** What a server does to a `PutObject`. */
type Put =
  | 'keep'
  /** Stores it and closes the connection without an answer. */
  | 'lose-answer'
  /** Stores it and answers 500. */
  | 'fail'
  /** Stores it and says nothing. */
  | 'silent'
  /** Stores it over what is there, and says that it did not. */
  | 'replace'
  /** 403. */
  | 'deny';

interface Bucket extends AsyncDisposable {
  readonly url: string;
  readonly objects: Map<string, { readonly body: string; readonly version: string }>;
  /** `METHOD key?versionId` in order. */
  readonly requests: string[];
  /** Resolves when something was stored of which nothing is told. */
  readonly silence: Promise<void>;
}

interface BucketOptions {
  readonly puts: readonly Put[];
  readonly isVersioned?: boolean;
  readonly mayDelete?: boolean;
}

/** What no real server does when it is told to. */
async function startBucket({ puts, isVersioned = false, mayDelete = true }: BucketOptions): Promise<Bucket> {
  const objects: Bucket['objects'] = new Map();
  const requests: string[] = [];
  const plan = [...puts];
  const silence = Promise.withResolvers<undefined>();
  const put = (request: IncomingMessage, response: ServerResponse, key: string, body: string): void => {
    const kind = plan.shift() ?? 'keep';
    const isNew = !objects.has(key);
    const version = `v${requests.length}`;
    if (kind !== 'deny' && (isNew || kind === 'replace')) objects.set(key, { body, version });
    if (kind === 'deny') refuse(response, 403, 'AccessDenied');
    else if (kind === 'silent') silence.resolve(undefined);
    else if (kind === 'lose-answer') request.socket.destroy();
    else if (kind === 'fail') refuse(response, 500, 'InternalError');
    else if (!isNew) refuse(response, 412, 'PreconditionFailed');
    else response.writeHead(200, { etag: '"x"', ...(isVersioned && { 'x-amz-version-id': version }) }).end();
  };
  const server = createServer((request, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3');
      const [key, version] = [pathname.split('/').slice(2).join('/'), searchParams.get('versionId')];
      requests.push(`${request.method ?? ''} ${key}${version === null ? '' : `?${version}`}`);
      const body = await text(request);
      const found = objects.get(key);
      if (request.method === 'PUT') put(request, response, key, body);
      else if (request.method === 'DELETE' && !mayDelete) refuse(response, 403, 'AccessDenied');
      else if (request.method === 'DELETE') {
        // In a bucket that keeps versions, only a version that is named goes away.
        if (!isVersioned || version === found?.version) objects.delete(key);
        response.writeHead(204).end();
      } else if (found === undefined) refuse(response, 404, 'NoSuchKey');
      else {
        response.writeHead(200, {
          'content-length': found.body.length,
          ...(isVersioned && { 'x-amz-version-id': found.version }),
        });
        response.end(request.method === 'HEAD' ? undefined : found.body);
      }
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    objects,
    requests,
    silence: silence.promise,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' }).end(body);
}

const KEY = 'tools/toolcrib-write-probe-ab12';

async function probe(bucket: Bucket, signal?: AbortSignal): Promise<string> {
  const reference = parseStoreReference(`s3://bucket/tools?endpoint=${bucket.url}&pathStyle=true`);
  if (reference.kind !== 's3') throw new Error('not an S3 store');
  const retry = { attempts: 2, firstWaitMs: 1, longestWaitMs: 1 };
  const options = { offline: false, rewrite: [], clock: systemClock, random: Math.random, retry };
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'somebody');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hush');
  const inspector = inspectBucketWrites(reference, options);
  try {
    return await inspector.probe({ suffix: 'ab12', signal });
  } finally {
    await inspector.close();
    vi.unstubAllEnvs();
  }
}

describe('a probe of writing to a bucket', () => {
  test.each([false, true])('leaves nothing, and reads what stands there first; versions: %j', async (isVersioned) => {
    await using bucket = await startBucket({ puts: [], isVersioned });
    expect(await probe(bucket)).toBe('write-once');
    expect(bucket.requests.map((request) => request.split(' ')[0])).toEqual(['PUT', 'PUT', 'GET', 'DELETE']);
    expect([...bucket.objects]).toEqual([]);
  });

  test.each<[Put, boolean]>([
    ['lose-answer', false],
    ['lose-answer', true],
    ['fail', false],
    ['fail', true],
  ])('leaves nothing where the server stored a file and did not say so: %s; versions: %j', async (put, isVersioned) => {
    for (const puts of [[put], ['keep', put]] as const) {
      await using bucket = await startBucket({ puts, isVersioned });
      expect(await failureOf(probe(bucket))).toMatchObject({ code: 'UNREACHABLE' });
      expect([...bucket.objects]).toEqual([]);
    }
  });

  test('leaves nothing where it is stopped before the server has answered', async () => {
    await using bucket = await startBucket({ puts: ['silent'] });
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const failure = failureOf(probe(bucket, controller.signal));
    await bucket.silence;
    controller.abort(reason);
    expect(await failure).toBe(reason);
    expect([...bucket.objects]).toEqual([]);
  });

  test.each<[Put, string]>([
    ['keep', `${KEY} was created in the bucket bucket, and stays`],
    ['fail', `${KEY} may have been created in the bucket bucket, and may stay`],
  ])('names the file that it cannot take away: %s', async (put, message) => {
    await using bucket = await startBucket({ puts: [put], mayDelete: false });
    const expected = { code: 'REMOTE_REFUSED', message: expect.stringContaining(message) as string };
    expect(await failureOf(probe(bucket))).toMatchObject(expected);
  });

  test('believes no server that it did not replace the file before it has read the file', async () => {
    await using bucket = await startBucket({ puts: ['keep', 'replace'] });
    expect(await probe(bucket)).toBe('overwrites');
    expect([...bucket.objects]).toEqual([]);
  });

  test('takes nothing away that was refused, or was there before', async () => {
    await using denied = await startBucket({ puts: ['deny'] });
    expect(await failureOf(probe(denied))).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 403 } });
    await using taken = await startBucket({ puts: [] });
    taken.objects.set(KEY, { body: "somebody else's", version: 'v' });
    expect(await failureOf(probe(taken))).toMatchObject({ message: expect.stringContaining('already') as string });
    expect(taken.objects.size).toBe(1);
    for (const { requests } of [denied, taken]) expect(requests).toEqual([`PUT ${KEY}`]);
  });
});
