import { readdirSync, readlinkSync } from 'node:fs';
import { mkdir, readdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createPublishToken } from '../../../src/serve/publish-token.ts';
import type { RunningServer } from '../../../src/serve/running-server.ts';
import { startStoreServer } from '../../../src/serve/store-server.ts';
import { systemClock } from '../../contract/store-clock.ts';
import { connectTo, putHead, type RawConnection } from './raw-connection.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const TOKEN = 'c0ffee'.repeat(8);
const MINUTE = 60_000;
/** Less than the two minutes after which Node itself gives up on a request. */
const SOON = { timeout: MINUTE };

interface Running extends AsyncDisposable {
  readonly server: RunningServer;
  readonly root: string;
  connect(): Promise<RawConnection>;
}

interface Limits {
  readonly headersMs?: number;
  readonly uploadMs?: number;
  readonly lingerMs?: number;
  readonly stopMs?: number;
}

/** A server that is as patient as it can be but for what a test is about. */
async function startImpatient(limits: Limits): Promise<Running> {
  const scratch = await createScratch();
  const root = join(scratch.path, 'root');
  await mkdir(root);
  const { headersMs = MINUTE, uploadMs = MINUTE, lingerMs = MINUTE, stopMs = MINUTE } = limits;
  const server = await startStoreServer({
    root,
    host: '127.0.0.1',
    port: 0,
    token: createPublishToken(TOKEN, 'here'),
    limits: { maxFileBytes: 1000, maxUploads: 3, uploadMs },
    patience: { headersMs, stallMs: MINUTE, lingerMs, stopMs },
    renderPage: () => '',
    judge: { maxBytes: 1000, verify: () => Promise.resolve() },
    onEvent: () => undefined,
    clock: systemClock,
  });
  return {
    server,
    root,
    connect: () => connectTo(Number(new URL(server.url).port)),
    async [Symbol.asyncDispose]() {
      await server.stop();
      await scratch[Symbol.asyncDispose]();
    },
  };
}

/** Begins an upload and waits until the server has begun to receive it. */
async function beginUpload(running: Running, name: string): Promise<RawConnection> {
  const connection = await running.connect();
  connection.socket.write(putHead(name, 10, TOKEN, { expect: '100-continue' }));
  await connection.until('100 Continue');
  return connection;
}

describe('a server', () => {
  test('gives up on clients that take their time with headers', async () => {
    await using running = await startImpatient({ headersMs: 300 });
    using slow = await running.connect();
    slow.socket.write('GET / HTTP/1.1\r\nhost: a\r\nx:');
    expect(await slow.ended()).toContain('408');
  });

  test('gives up on uploads that take their time, and keeps nothing of them', async () => {
    await using running = await startImpatient({ uploadMs: 400 });
    using slow = await beginUpload(running, 'a-v1');
    slow.socket.write('x');
    expect(await slow.ended()).toContain('408 Request Timeout');
    expect(await readdir(running.root)).toEqual([]);
  });

  test('takes a few uploads at once, and tells others to come back', async () => {
    await using running = await startImpatient({});
    using first = await beginUpload(running, 'a-v1');
    using second = await beginUpload(running, 'b-v1');
    using third = await beginUpload(running, 'c-v1');
    using fourth = await running.connect();
    fourth.socket.write(`${putHead('d-v1', 1, TOKEN)}x`);
    expect(await fourth.until('\r\n\r\n')).toMatch(/503 Service Unavailable[^]*retry-after: 1/i);
    for (const each of [first, second, third]) each.socket.write('0123456789');
    for (const each of [first, second, third]) expect(await each.until('201')).toContain('201 Created');
    fourth.socket.write(`${putHead('d-v1', 1, TOKEN)}x`);
    expect(await fourth.until('201 Created')).toContain('201 Created');
  });

  test('does not wait for the body of a request that it refused, however slowly that goes on', SOON, async () => {
    await using running = await startImpatient({ lingerMs: 100 });
    using refused = await running.connect();
    refused.socket.write(putHead('a-v1', 1_000_000_000, 'wrong'));
    const trickle = setInterval(() => refused.socket.write('x'), 20);
    expect(await refused.ended()).toContain('401 Unauthorized');
    clearInterval(trickle);
  });

  test('gives leave to send a body only when there is nothing else to refuse', async () => {
    await using running = await startImpatient({});
    for (const head of [
      putHead('a-v1', 1000, 'wrong', { expect: '100-continue' }),
      putHead('a-v1', 1_000_000, TOKEN, { expect: '100-continue' }),
      putHead('.a', 1, TOKEN, { expect: '100-continue' }),
    ]) {
      using refused = await running.connect();
      refused.socket.write(head);
      expect(await refused.ended()).toMatch(/^HTTP\/1\.1 4/);
    }
  });

  test('serves others while a hundred clients hold on to their connections, and gets rid of these', async () => {
    await using running = await startImpatient({ headersMs: 2000, lingerMs: 100 });
    const heads = ['GET / HTTP/1.1\r\nx:', putHead('a-v1', 1000, 'wrong'), '', 'PUT /a-v1'];
    const slow = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const connection = await running.connect();
        connection.socket.write(heads[index % heads.length] ?? '');
        return connection;
      }),
    );
    const answer = await fetch(`${running.server.url}/healthz`);
    expect(await answer.json()).toEqual({ status: 'ok', publishing: true });
    using upload = await beginUpload(running, 'a-v1');
    upload.socket.write('0123456789');
    expect(await upload.until('201 Created')).toContain('201 Created');
    const answers = await Promise.all(slow.map((connection) => connection.ended()));
    for (const text of answers) expect(text).toMatch(/^$|^HTTP\/1\.1 4/);
  });

  test('cuts off what still runs at its deadline when it is told to stop, and leaves nothing of it', async () => {
    await using running = await startImpatient({ stopMs: 50 });
    using upload = await beginUpload(running, 'a-v1');
    using headers = await running.connect();
    headers.socket.write('GET / HTTP/1.1\r\n');
    await running.server.stop();
    await running.server.stopped;
    await upload.ended();
    expect(await readdir(running.root)).toEqual([]);
  });

  test('does not go on to measure a file when it is told to stop', async () => {
    await using running = await startImpatient({ stopMs: 50 });
    const file = join(running.root, 'huge-amd64-v1');
    await writeFile(file, '');
    await truncate(file, 1_000_000_000_000);
    using reader = await running.connect();
    reader.socket.write('GET /huge-amd64-v1 HTTP/1.1\r\nhost: a\r\n\r\n');
    while (openFiles(file) === 0) await sleep(5);
    await running.server.stop();
    while (openFiles(file) > 0) await sleep(5);
  });
});

/** How often this process has a file open. */
function openFiles(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false;
    }
  }).length;
}
