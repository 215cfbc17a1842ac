import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';

const patience = 300;
const id = 'ab'.repeat(32);

const answer = (body: string, more = '') =>
  `HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

const CONTAINER = JSON.stringify({ Id: id, State: { Status: 'running', Running: true } });

/** An engine that answers what it is told to, by the beginning of a request, and says nothing to anything else. */
async function engineThatSays(answers: Record<string, string>): Promise<{ host: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'silent-'));
  const path = join(folder, 'engine.sock');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const request = bytes.toString('latin1');
      const found = Object.entries(answers).find(([beginning]) => request.startsWith(beginning));
      if (found !== undefined) socket.write(found[1]);
    });
  });
  await once(server.listen(path), 'listening');
  return {
    host: `unix://${path}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}

const open = (host: string) => openDockerSandbox('web', { env: { DOCKER_HOST: host }, patience });
const silent = { code: 'UNREACHABLE', message: expect.stringContaining('nothing came within 0.3 s') as string };
const PING = { 'GET /_ping': answer('OK') };
const OPENED = { ...PING, 'GET /v1.41/containers/web/json': answer(CONTAINER) };

test('an engine that says nothing, or stops in the middle of an answer, is not waited for without end', async () => {
  await using mute = await engineThatSays({});
  await expect(open(mute.host)).rejects.toMatchObject(silent);
  await using halting = await engineThatSays({
    ...PING,
    'GET /v1.41/containers/web/json': answer(CONTAINER).slice(0, -10),
  });
  await expect(open(halting.host)).rejects.toMatchObject(silent);
});

test('an engine that falls silent while a sandbox is used ends every kind of call', async () => {
  await using engine = await engineThatSays({
    ...OPENED,
    [`GET /v1.41/containers/${id}/archive?path=%2Fhalf`]: 'HTTP/1.1 200 OK\r\n\r\nthe beginning',
    [`PUT /v1.41/containers/${id}/archive`]: 'HTTP/1.1 100 Continue\r\n\r\n',
  });
  const sandbox = await open(engine.host);
  const tar = () => writeTar([{ path: 'file', kind: 'file', mode: 0o644, bytes: Buffer.alloc(9_000_000) }]);
  await expect(sandbox.stat('/bin')).rejects.toMatchObject(silent);
  await expect(sandbox.readTar('/bin')).rejects.toMatchObject(silent);
  await expect(sandbox.unpackTar('/tmp', tar())).rejects.toMatchObject(silent);
  await expect(sandbox.exec({ argv: ['/bin/true'], stdin: false })).rejects.toMatchObject(silent);
  const reading = async () => {
    for await (const _piece of (await sandbox.readTar('/half')) ?? []);
  };
  await expect(reading()).rejects.toMatchObject(silent);
  await sandbox.close();
});

test('an answer that breaks off is an engine that does not answer', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'broken-'));
  const path = join(folder, 'engine.sock');
  const server = createServer((socket) => {
    socket.once('data', () => socket.end(answer('OK').slice(0, -1)));
  });
  await once(server.listen(path), 'listening');
  await expect(open(`unix://${path}`)).rejects.toMatchObject({ code: 'UNREACHABLE' });
  server.close();
  await rm(folder, { recursive: true });
});
