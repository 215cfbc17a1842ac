import { createServer } from 'node:http';
import { createServer as createPlainServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { createTransfer, type Transfer } from '../../../src/transfer/transfer.ts';
import type { TransferOptions } from '../../../src/transfer/transfer-options.ts';
import { bytesOf } from '../../contract/store-contract.ts';
import { startFileServer } from '../../servers/http.ts';
import { listen, startProxy } from './proxy-server.ts';

/** A server that goes on sending a byte every few milliseconds for as long as anybody listens. */
async function startDripping(): Promise<AsyncDisposable & { readonly url: string }> {
  return await listen(
    createServer((_, response) => {
      response.flushHeaders();
      const dripping = setInterval(() => response.write(' '), 5);
      response.once('close', () => clearInterval(dripping));
    }),
  );
}

/** A server that goes on sending headers. */
async function startHeading(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createPlainServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const dripping = setInterval(() => socket.write('x: y\r\n'), 20);
    socket.on('error', () => undefined);
    socket.once('close', () => clearInterval(dripping));
  });
  const address = await new Promise<ReturnType<typeof server.address>>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve(server.address())),
  );
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** A clock that goes on by so many milliseconds each time that somebody looks at it. */
function clockWith(step: number): { now: () => number; elapsed: () => number; sleep: () => Promise<void> } {
  let elapsed = 0;
  return { now: () => 0, elapsed: () => (elapsed += step), sleep: () => Promise.resolve() };
}

describe.each(['directly', 'through a proxy'])('a server that is asked %s', (way) => {
  async function open(options: Partial<TransferOptions>): Promise<AsyncDisposable & { transfer: Transfer }> {
    const proxy = way === 'directly' ? undefined : await startProxy();
    const common = { offline: false, rewrite: [], clock: clockWith(0), random: () => 0 };
    const transfer = createTransfer({ ...common, ...(proxy && { proxy: { http: proxy.url } }), ...options });
    return {
      transfer,
      async [Symbol.asyncDispose]() {
        await transfer.close();
        await proxy?.[Symbol.asyncDispose]();
      },
    };
  }

  test('and sends a byte now and then is given up', async () => {
    await using server = await startDripping();
    await using opened = await open({ clock: clockWith(10_000) });
    const read = opened.transfer.get(server.url).then(bytesOf);
    await expect(read).rejects.toMatchObject({ code: 'UNREACHABLE', details: { network: 'TOO_SLOW' } });
    await expect(read).rejects.toThrow(/too slow, \d+ bytes came in 6\d s/);
  });

  test('has so much time for a body that is read into memory, however steadily it comes', async () => {
    await using server = await startDripping();
    await using opened = await open({ clock: clockWith(10_000), pace: { bytes: 0 } });
    const reply = await opened.transfer.send(server.url, { method: 'GET' });
    await expect(reply.whole(1_000_000)).rejects.toThrow('too slow, it was not there after 120 s');
    const error = await opened.transfer.send(server.url, { method: 'GET' });
    expect(await error.beginning(1_000_000)).toBe('');
  });

  test('is not blamed for the time in which nobody reads', async () => {
    await using server = await startFileServer({ '/file': Buffer.alloc(3_000_000) });
    const time = { elapsed: 0 };
    await using opened = await open({ clock: { ...clockWith(0), elapsed: () => time.elapsed } });
    let size = 0;
    for await (const piece of (await opened.transfer.get(`${server.url}/file`))?.bytes ?? []) {
      time.elapsed += 120_000;
      size += piece.byteLength;
    }
    expect(size).toBe(3_000_000);
  });

  test('has so much time for the head of an answer, however steadily it comes', async () => {
    await using server = await startHeading();
    const retry = { attempts: 1, firstWaitMs: 0, longestWaitMs: 0 };
    // A proxy waits for the head by itself: here its client goes to the server directly.
    const proxy = { http: 'http://127.0.0.1:1', noProxy: '127.0.0.1' };
    await using opened = await open({ retry, stallTimeoutMs: 300, ...(way !== 'directly' && { proxy }) });
    await expect(opened.transfer.get(server.url)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });
});
