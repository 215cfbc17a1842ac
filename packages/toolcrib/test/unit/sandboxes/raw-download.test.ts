import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rawDownload } from '../../../src/sandboxes/docker/raw-download.ts';

/** What a download of what an engine sends comes to: its size in bytes, or undefined. */
async function downloaded(sent: string, pieces: Uint8Array[] = []): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'raw-'));
  const socketPath = join(folder, 'engine.sock');
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(sent));
  });
  try {
    await once(server.listen(socketPath), 'listening');
    const body = await rawDownload({ kind: 'unix', address: 'here', socketPath }, '/file', {});
    if (body === undefined) return undefined;
    let size = 0;
    for await (const piece of body) {
      size += piece.byteLength;
      pieces.push(piece);
    }
    return size;
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
}

test('a download takes what came with the head, however much that is', async () => {
  const head = 'HTTP/1.0 200 OK\r\nContent-Type: application/x-tar\r\n\r\n';
  for (const size of [0, 1, 64 * 1024 - head.length, 64 * 1024, 500_000]) {
    expect(await downloaded(head + 'x'.repeat(size))).toBe(size);
  }
});

test('a download is left to HTTP/1.1 when the answer is in chunks, no success, or all head', async () => {
  expect(await downloaded('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')).toBeUndefined();
  expect(await downloaded('HTTP/1.0 404 Not Found\r\n\r\n{}')).toBeUndefined();
  expect(await downloaded(`HTTP/1.0 200 OK\r\nX: ${'x'.repeat(200_000)}`)).toBeUndefined();
  expect(await downloaded('HTTP/1.0 200 OK\r\n')).toBeUndefined();
});

test('the memory of a large download is given back piece by piece, when the next one is asked for', async () => {
  const pieces: Uint8Array[] = [];
  await downloaded(`HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(2_000_000)}`, pieces);
  const kept = pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(kept).toBeLessThan(200_000);
});
