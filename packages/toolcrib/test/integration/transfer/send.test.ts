import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { RequestBody } from '../../../src/transfer/request-body.ts';
import { TransientFailure } from '../../../src/transfer/retry.ts';
import { sourceOf } from '../../contract/store-contract.ts';
import { failureOf, transferBy, transferOf, WAYS, type Patient } from './patient-transfer.ts';
import { listen } from './proxy-server.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** A server that remembers whole requests, and answers each by the function. */
async function startServer(
  answer: (asked: Asked, response: ServerResponse) => void,
): Promise<AsyncDisposable & { readonly url: string; readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('error', () => undefined);
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const whole = { method, url, headers, body: Buffer.concat(pieces) };
      asked.push(whole);
      answer(whole, response);
    });
  });
  return { asked, ...(await listen(server)) };
}

const BODY = sourceOf(Buffer.alloc(3_000_000, 'x'));

describe.each(WAYS)('a request that is sent %s', (way) => {
  const open = () => transferBy(way);

  test.each(['POST', 'PUT', 'PATCH'] as const)('carries method, headers, credentials and body: %s', async (method) => {
    await using server = await startServer((_, response) => response.writeHead(201, { location: '/made' }).end('made'));
    await using opened = await open();
    const options = { method, headers: { 'content-type': 'text/x' }, authorization: 'Bearer hush', body: BODY };
    const reply = await opened.transfer.send(`${server.url}/file?token=hush`, options);
    expect([reply.status, reply.headers.get('location'), reply.url]).toEqual([
      201,
      '/made',
      `${server.url}/file?token=***`,
    ]);
    expect(await reply.beginning(100)).toBe('made');
    const [asked] = server.asked;
    expect(asked).toMatchObject({ method, url: '/file?token=hush' });
    expect(asked?.headers).toMatchObject({
      'content-type': 'text/x',
      authorization: 'Bearer hush',
      'content-length': '3000000',
    });
    expect(asked?.body.equals(Buffer.alloc(3_000_000, 'x'))).toBe(true);
  });

  test('without a body says that it has none, and an empty one is a body', async () => {
    await using server = await startServer((_, response) => response.end());
    await using opened = await open();
    for (const body of [undefined, sourceOf(Buffer.alloc(0))]) {
      (await opened.transfer.send(server.url, { method: 'POST', body })).discard();
    }
    expect(server.asked.map(({ headers }) => headers['content-length'])).toEqual(['0', '0']);
  });

  test.each([200, 204, 301, 400, 401, 403, 404, 416, 429, 500, 503])('hands over an answer of %i', async (status) => {
    await using server = await startServer((_, response) => response.writeHead(status).end('why'));
    await using opened = await open();
    const reply = await opened.transfer.send(server.url, { method: 'PUT', body: BODY });
    expect([reply.status, await reply.beginning(2)]).toEqual([status, status === 204 ? '' : 'wh']);
    expect(server.asked).toHaveLength(1);
  });

  test('ends with what its source threw, and no whole body arrives', async () => {
    await using server = await startServer((_, response) => response.end());
    await using opened = await open();
    const broken = new Error('the source broke');
    const body: RequestBody = {
      size: 2000,
      // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
      async *open() {
        yield Buffer.alloc(1000);
        throw broken;
      },
    };
    expect(await failureOf(opened.transfer.send(server.url, { method: 'PUT', body, retry: true }))).toBe(broken);
    expect(server.asked).toEqual([]);
  });

  test.each([2999, 3001])('is refused as a bug when its 3000 bytes were announced as %i', async (size) => {
    await using server = await startServer((_, response) => response.end());
    await using opened = await open();
    const body = { size, open: () => sourceOf(Buffer.alloc(3000), 1000).open() };
    expect(String(await failureOf(opened.transfer.send(server.url, { method: 'PUT', body })))).toContain('announced');
    expect(server.asked).toEqual([]);
  });

  test('ends with the reason of an abort while its source hangs', async () => {
    await using server = await startServer((_, response) => response.end());
    await using opened = await open();
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const body: RequestBody = {
      size: 2000,
      async *open() {
        yield Buffer.alloc(1000);
        controller.abort(reason);
        await new Promise(() => undefined);
      },
    };
    const { signal } = controller;
    expect(await failureOf(opened.transfer.send(server.url, { method: 'PUT', body, signal }))).toBe(reason);
  });
});

describe('a request', () => {
  test('that may be repeated is, with its body from the start, and as patiently as the server asks', async () => {
    const answers = [503, 429, 200];
    await using server = await startServer((_, response) =>
      response.writeHead(answers.shift() ?? 500, { 'retry-after': '2' }).end('x'),
    );
    await using transfer = transferOf();
    expect((await transfer.send(server.url, { method: 'PUT', body: BODY, retry: true })).status).toBe(200);
    expect(transfer.waits).toEqual([2000, 2000]);
    expect(server.asked.map(({ body }) => body.byteLength)).toEqual([3_000_000, 3_000_000, 3_000_000]);
  });

  test('that was repeated in vain hands over the last answer, readable', async () => {
    let count = 0;
    await using server = await startServer((_, response) => response.writeHead(503).end(`answer ${(count += 1)}`));
    await using transfer = transferOf();
    const reply = await transfer.send(server.url, { method: 'HEAD', retry: true });
    expect(reply.status).toBe(503);
    const last = await transfer.send(server.url, { method: 'DELETE', retry: true });
    expect([last.status, await last.beginning(100)]).toEqual([503, 'answer 8']);
  });

  test('is made once otherwise, and its failure can be handed to a retry', async () => {
    await using server = await startServer((_, response) => response.socket?.resetAndDestroy());
    await using transfer = transferOf();
    expect(await failureOf(transfer.send(server.url, { method: 'PUT', body: BODY }))).toBeInstanceOf(TransientFailure);
    expect(server.asked).toHaveLength(1);
    const failure = await failureOf(transfer.send(server.url, { method: 'PUT', body: BODY, retry: true }));
    expect(failure).toMatchObject({ code: 'UNREACHABLE' });
    expect(String(failure)).toContain(`PUT ${server.url}/`);
    expect(server.asked).toHaveLength(5);
  });

  test('hears an answer that comes before all of its body went out, and stops', async () => {
    const server = createServer((_, response) => response.writeHead(413).end('too much'));
    await using opened = await listen(server);
    await using transfer = transferOf();
    let sent = 0;
    const body: RequestBody = {
      size: 2 ** 34,
      // eslint-disable-next-line @typescript-eslint/require-await -- sources are asynchronous by their contract
      async *open() {
        for (; sent < 2 ** 34; sent += 2 ** 16) yield Buffer.alloc(2 ** 16);
      },
    };
    const reply = await transfer.send(opened.url, { method: 'PUT', body });
    expect([reply.status, await reply.beginning(100)]).toEqual([413, 'too much']);
    expect(sent).toBeLessThan(2 ** 30);
  });

  test('follows redirects only where it changes nothing, and shows credentials to their origin only', async () => {
    await using other = await startServer((_, response) => response.end());
    await using server = await startServer((_, response) =>
      response.writeHead(307, { location: `${other.url}/next` }).end(),
    );
    await using transfer = transferOf();
    const authorization = 'Bearer hush';
    const head = await transfer.send(server.url, { method: 'HEAD', authorization });
    expect([head.status, head.url]).toEqual([200, `${other.url}/next`]);
    const post = await transfer.send(server.url, { method: 'POST', authorization });
    expect([post.status, post.headers.get('location')]).toEqual([307, `${other.url}/next`]);
    expect(other.asked.map(({ method, headers }) => [method, headers.authorization])).toEqual([['HEAD', undefined]]);
  });

  test('opens no socket when offline', async () => {
    await using server = await startServer((_, response) => response.end());
    await using transfer = transferOf({ offline: true });
    expect(await failureOf(transfer.send(server.url, { method: 'HEAD' }))).toMatchObject({ code: 'OFFLINE' });
    expect(server.asked).toEqual([]);
  });

  test('reads no more of an answer than was allowed', async () => {
    await using server = await startServer((_, response) => response.end(Buffer.alloc(100_000, 'y')));
    await using transfer = transferOf();
    const get = (): ReturnType<Patient['send']> => transfer.send(server.url, { method: 'GET' });
    expect((await (await get()).whole(100_000)).byteLength).toBe(100_000);
    expect(await failureOf((await get()).whole(99_999))).toMatchObject({ code: 'TOO_LARGE' });
    expect(await (await get()).beginning(3)).toBe('yyy');
  });
});
