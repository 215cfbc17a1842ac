import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { TransferOptions } from '../../../src/transfer/transfer-options.ts';
import { bytesOf, sourceOf } from '../../contract/store-contract.ts';
import { startRawServer } from '../../servers/raw-server.ts';
import { failureOf, transferBy, transferOf, WAYS } from './patient-transfer.ts';
import { listen } from './proxy-server.ts';

const ONCE = { retry: { attempts: 1, firstWaitMs: 0, longestWaitMs: 0 }, stallTimeoutMs: 300, connectTimeoutMs: 300 };

interface Way {
  readonly options: Partial<TransferOptions>;
  readonly origin: string;
}

/** What stands at this address is the server; or a server, past the proxy; or the proxy itself, which answers for all. */
const KINDS: readonly (readonly [string, (host: string) => Way])[] = [
  ['directly', (host) => ({ options: ONCE, origin: host })],
  [
    'past a proxy',
    (host) => ({ options: { ...ONCE, proxy: { http: 'http://127.0.0.1:1', noProxy: '*' } }, origin: host }),
  ],
  ['through a proxy', (host) => ({ options: { ...ONCE, proxy: { http: `http://${host}` } }, origin: 'files.example' })],
];

const again = (socket: Socket, text: string): void => {
  const sending = setInterval(() => socket.write(text), 20);
  socket.once('close', () => clearInterval(sending));
};

const BROKEN: readonly (readonly [string, (socket: Socket) => void])[] = [
  ['says nothing', () => undefined],
  ['hangs up', (socket) => socket.end()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['does not speak HTTP', (socket) => socket.end('220 mail.example ESMTP\r\n')],
  ['ends within the head', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
  ['never ends the head', (socket) => again(socket.write('HTTP/1.1 200 OK\r\n') ? socket : socket, 'x: y\r\n')],
  ['asks for patience for ever', (socket) => again(socket, 'HTTP/1.1 102 Processing\r\n\r\n')],
  ['has a head without measure', (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)],
  [
    'wants to speak something else',
    (socket) => socket.write('HTTP/1.1 101 Go\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  ],
  [
    'announces two lengths',
    (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd'),
  ],
  [
    'announces a length and chunks',
    (socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n'),
  ],
  ['announces no number', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0x4\r\n\r\nabcd')],
  ['sends less than it announced', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd')],
  ['sends nothing of a body', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n')],
  ['stops within a body', (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcd')],
  ['ends within a chunk', (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcd')],
  ['ends after a chunk', (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n')],
  [
    'has chunks of no size',
    (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\nabcd\r\n'),
  ],
];

describe.each(KINDS)('a server that is asked %s', (_, wayTo) => {
  test.concurrent.each(BROKEN)('and %s is UNREACHABLE', async (__, answer) => {
    await using server = await startRawServer(answer);
    const { options, origin } = wayTo(server.host);
    await using transfer = transferOf(options);
    const failure = await failureOf(transfer.get(`http://${origin}/file`).then(bytesOf));
    expect(failure).toMatchObject({ code: 'UNREACHABLE' });
    expect(String(failure)).toContain(`GET http://${origin}/file failed: `);
  });

  test.concurrent('and sends more than it announced has said no more than that', async () => {
    const text = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nabcdefgh';
    await using server = await startRawServer((socket) => socket.end(text));
    const { options, origin } = wayTo(server.host);
    await using transfer = transferOf(options);
    expect((await bytesOf(await transfer.get(`http://${origin}/file`))).toString()).toBe('abcd');
  });

  test.concurrent('and does not read what is sent to it is UNREACHABLE', async () => {
    await using server = await startRawServer(() => undefined);
    const { options, origin } = wayTo(server.host);
    await using transfer = transferOf(options);
    const request = { method: 'PUT', retry: true, body: sourceOf(Buffer.alloc(50_000_000)) } as const;
    expect(await failureOf(transfer.send(`http://${origin}/file`, request))).toMatchObject({ code: 'UNREACHABLE' });
  });

  test.concurrent('and says nothing where TLS is to be spoken is UNREACHABLE', async () => {
    await using server = await startRawServer(() => undefined);
    const { options, origin } = wayTo(server.host);
    await using transfer = transferOf({ ...options, stallTimeoutMs: 60_000 });
    expect(await failureOf(transfer.get(`https://${origin}/file`))).toMatchObject({ code: 'UNREACHABLE' });
  });
});

describe('a proxy', () => {
  test.each(['http', 'https'])('that wants credentials is told apart from a server: %s', async (scheme) => {
    const text = 'HTTP/1.1 407 Who\r\nproxy-authenticate: Basic realm=x\r\ncontent-length: 0\r\n\r\n';
    await using server = await startRawServer((socket) => socket.end(text));
    await using transfer = transferOf({ proxy: { http: `http://${server.host}` } });
    const failure = await failureOf(transfer.get(`${scheme}://files.example/file?token=hush`));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 407 } });
    expect(failure).toHaveProperty('hint', 'the proxy wants credentials: put them into its URL');
    expect(String(failure)).not.toContain('hush');
    expect(transfer.waits).toEqual([]);
  });

  test('that lets nobody through is not asked again, one that is busy is', async () => {
    const answers = ['403 No', '503 Busy', '503 Busy', '503 Busy', '503 Busy'];
    await using server = await startRawServer((socket) =>
      socket.end(`HTTP/1.1 ${answers.shift() ?? '500 x'}\r\ncontent-length: 0\r\n\r\n`),
    );
    await using transfer = transferOf({ proxy: { https: `http://${server.host}` } });
    const get = () => failureOf(transfer.get('https://files.example/file'));
    expect(await get()).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 403 } });
    expect(await get()).toMatchObject({ code: 'UNREACHABLE' });
    expect(server.connections()).toBe(5);
  });

  test('gets its own credentials, and nobody else does', async () => {
    const heard: string[] = [];
    const keep = (text: string) => (socket: Socket) => {
      heard.push(String(socket.read() ?? ''));
      socket.end(text);
    };
    await using server = await startRawServer(keep('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'));
    await using transfer = transferOf({ proxy: { http: `http://user:hush@${server.host}`, noProxy: '127.0.0.1' } });
    await bytesOf(await transfer.get(`http://${server.host}/file`));
    expect(heard.join('').toLowerCase()).not.toContain('proxy-authorization');
  });
});

describe.each(WAYS)('an origin that is asked %s', (way) => {
  /** A server that answers nobody before it is told to. */
  async function startHolding() {
    const held: ServerResponse[] = [];
    const arrivals: (() => void)[] = [];
    const server = createServer((_, response) => {
      held.push(response);
      arrivals.shift()?.();
    });
    const listening = await listen(server);
    return {
      ...listening,
      held,
      arrival: () => new Promise<void>((resolve) => arrivals.push(resolve)),
    };
  }

  test('gets so many requests at once, and the others in turn', async () => {
    await using server = await startHolding();
    await using opened = await transferBy(way, { parallelRequests: 3 });
    const arrived = [server.arrival(), server.arrival(), server.arrival()];
    const gets = Array.from({ length: 10 }, (_, n) => opened.transfer.get(`${server.url}/${n}`).then(bytesOf));
    await Promise.all(arrived);
    let most = 0;
    for (let answered = 0; answered < 10; answered += 1) {
      most = Math.max(most, server.held.length);
      const next = server.arrival();
      server.held.shift()?.end('ok');
      if (answered < 7) await next;
    }
    expect((await Promise.all(gets)).map(String)).toEqual(Array<string>(10).fill('ok'));
    expect(most).toBe(3);
  });

  test('gets one more when those before it do not end: they may wait for it', async () => {
    await using server = await startHolding();
    await using opened = await transferBy(way, { parallelRequests: 1, stallTimeoutMs: 500 });
    const first = server.arrival();
    const body = opened.transfer.get(server.url);
    await first;
    server.held.shift()?.end(Buffer.alloc(3_000_000));
    const unread = await body;
    const second = server.arrival();
    const later = opened.transfer.get(server.url).then(bytesOf);
    await second;
    server.held.shift()?.end('ok');
    expect(String(await later)).toBe('ok');
    await unread?.bytes[Symbol.asyncIterator]().return?.();
  });

  test('gets no request that was aborted while it waited for its turn, and the next one all the same', async () => {
    await using server = await startHolding();
    await using opened = await transferBy(way, { parallelRequests: 1 });
    const arrived = server.arrival();
    const gets = [opened.transfer.get(`${server.url}/1`).then(bytesOf)];
    await arrived;
    const controller = new AbortController();
    const reason = new Error('Ctrl-C');
    const aborted = failureOf(opened.transfer.get(`${server.url}/2`, { signal: controller.signal }));
    gets.push(opened.transfer.get(`${server.url}/3`).then(bytesOf));
    controller.abort(reason);
    expect(await aborted).toBe(reason);
    const next = server.arrival();
    server.held.shift()?.end('ok');
    await next;
    expect(server.held.map(({ req }) => req.url?.slice(-1))).toEqual(['3']);
    server.held.shift()?.end('ok');
    expect((await Promise.all(gets)).map(String)).toEqual(['ok', 'ok']);
  });

  test.each(['gzip', 'identity, br', 'zstd'])('is refused when it compresses what it sends: %s', async (coding) => {
    const server = createServer((_, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(gzipSync(Buffer.alloc(1_000_000))),
    );
    await using listening = await listen(server);
    await using opened = await transferBy(way);
    const failure = await failureOf(opened.transfer.get(`${listening.url}/file`));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED' });
    expect(String(failure)).toContain('compressed');
    expect(await failureOf(opened.transfer.send(listening.url, { method: 'POST' }))).toMatchObject({
      code: 'REMOTE_REFUSED',
    });
    expect(opened.transfer.waits).toEqual([]);
  });

  test.each(['identity', 'aws-chunked'])('may say that it does not compress: %s', async (coding) => {
    const server = createServer((_, response) => response.writeHead(200, { 'content-encoding': coding }).end('ok'));
    await using listening = await listen(server);
    await using opened = await transferBy(way);
    expect(String(await bytesOf(await opened.transfer.get(listening.url)))).toBe('ok');
  });
});
