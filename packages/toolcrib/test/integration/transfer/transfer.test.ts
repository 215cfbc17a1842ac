import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer as createHttpsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { createDigester, digestOf } from '../../../src/core/digest.ts';
import { lentPieces } from '../../../src/core/lent-pieces.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { bytesOf } from '../../contract/store-contract.ts';
import { failureOf, transferOf } from './patient-transfer.ts';
import { listen, startProxy } from './proxy-server.ts';
import { startFaultyServer, startFileServer, type Fault } from '../../servers/http.ts';

const FILE = Buffer.alloc(3_000_000, 'x');

/** A TLS server with a certificate that only itself vouches for. */
async function startTlsServer(
  body: string | Buffer,
): Promise<AsyncDisposable & { readonly url: string; readonly certificate: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject];
  await promisify(execFile)('openssl', request);
  const certificate = await readFile(cert, 'utf8');
  const keyText = await readFile(key, 'utf8');
  await rm(folder, { recursive: true });
  if (typeof body !== 'string')
    return { ...(await startApart({ key: keyText, cert: certificate, body })), certificate };
  const server = createHttpsServer({ key: keyText, cert: certificate }, (_, response) => response.end(body));
  const { url, ...rest } = await listen(server);
  return { ...rest, url: url.replace('http:', 'https:'), certificate };
}

/** In a thread of its own, which sends while this one reads; the connection ends with the body. */
async function startApart(served: { readonly key: string; readonly cert: string; readonly body: Buffer }) {
  const program = `const { parentPort, workerData: { key, cert, body } } = require('node:worker_threads');
    const server = require('node:https').createServer({ key, cert }, (_, response) => {
      response.writeHead(200, { 'content-length': body.byteLength, connection: 'close' });
      response.end(Buffer.from(body));
    });
    server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));`;
  const worker = new Worker(program, { eval: true, workerData: served });
  const [port] = (await once(worker, 'message')) as [number];
  const end = async (): Promise<void> => {
    await worker.terminate();
  };
  return { url: `https://127.0.0.1:${port}`, [Symbol.asyncDispose]: end };
}

describe('a transfer', () => {
  test('brings the bytes, the size and the URL', async () => {
    await using server = await startFileServer({ '/file': FILE });
    await using transfer = transferOf();
    const file = await transfer.get(`${server.url}/file`);
    expect([file?.size, file?.url]).toEqual([FILE.length, `${server.url}/file`]);
    expect((await bytesOf(file)).equals(FILE)).toBe(true);
  });

  test.each<[string, Fault]>([
    ['503', { kind: 'status', status: 503 }],
    ['500', { kind: 'status', status: 500 }],
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '2' } }],
    ['a reset', { kind: 'reset' }],
    ['a stall', { kind: 'stall' }],
  ])('tries again after %s', async (_, fault) => {
    await using server = await startFaultyServer({ '/file': FILE }, { '/file': [fault, fault] });
    await using transfer = transferOf({ stallTimeoutMs: 200 });
    expect((await bytesOf(await transfer.get(`${server.url}/file`))).equals(FILE)).toBe(true);
    expect(server.count('/file')).toBe(3);
    const asked = fault.kind === 'status' && fault.status === 429;
    expect(transfer.waits).toEqual(asked ? [2000, 2000] : [150, 300]);
  });

  test('gives up with UNREACHABLE after its attempts', async () => {
    await using server = await startFaultyServer(
      {},
      { '/file': Array<Fault>(9).fill({ kind: 'status', status: 502 }) },
    );
    await using transfer = transferOf();
    expect(await failureOf(transfer.get(`${server.url}/file`))).toMatchObject({
      code: 'UNREACHABLE',
      details: { status: 502 },
    });
    expect(server.count('/file')).toBe(4);
  });

  test.each([404, 410, 403])('says undefined for %i, at once', async (status) => {
    await using server = await startFaultyServer({}, { '/file': [{ kind: 'status', status }] });
    await using transfer = transferOf();
    expect(await transfer.get(`${server.url}/file`)).toBeUndefined();
    expect(server.count('/file')).toBe(1);
  });

  test.each([400, 401, 409, 451, 501, 204])('says REMOTE_REFUSED for %i, at once', async (status) => {
    await using server = await startFaultyServer({}, { '/file': [{ kind: 'status', status }] });
    await using transfer = transferOf();
    expect(await failureOf(transfer.get(`${server.url}/file`))).toMatchObject({
      code: 'REMOTE_REFUSED',
      details: { status },
    });
    expect(server.count('/file')).toBe(1);
  });

  test('calls a 403 a refusal when credentials were sent', async () => {
    await using server = await startFaultyServer({}, { '/file': [{ kind: 'status', status: 403 }] });
    await using transfer = transferOf();
    const failure = await failureOf(transfer.get(`${server.url}/file`, { authorization: 'Bearer hush' }));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED' });
    expect(String(failure)).not.toContain('hush');
  });

  test.each<Fault>([
    { kind: 'truncate', bytes: 100_000 },
    { kind: 'reset', bytes: 100_000 },
    { kind: 'stall', bytes: 100_000 },
  ])('says UNREACHABLE to who reads a body that breaks: %j', async (fault) => {
    await using server = await startFaultyServer({ '/file': FILE }, { '/file': [fault] });
    await using transfer = transferOf({ stallTimeoutMs: 200 });
    const file = await transfer.get(`${server.url}/file`);
    expect(await failureOf(bytesOf(file))).toMatchObject({ code: 'UNREACHABLE' });
    expect((await bytesOf(await transfer.get(`${server.url}/file`))).length).toBe(FILE.length);
  });

  test('follows redirects, and shows credentials to their origin only', async () => {
    await using other = await startFileServer({ '/file': FILE });
    await using server = await startFaultyServer(
      {},
      {
        '/file': [{ kind: 'redirect', location: '/next' }],
        '/next': [{ kind: 'redirect', location: `${other.url}/file?sig=secret`, status: 307 }],
      },
    );
    await using transfer = transferOf();
    const file = await transfer.get(`${server.url}/file`, { authorization: 'Bearer hush' });
    expect(file?.url).toBe(`${other.url}/file?sig=***`);
    expect((await bytesOf(file)).length).toBe(FILE.length);
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer hush', 'Bearer hush']);
    expect(other.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test('ends a redirect that never ends', async () => {
    const round: Fault[] = Array<Fault>(50).fill({ kind: 'redirect', location: '/file' });
    await using server = await startFaultyServer({}, { '/file': round });
    await using transfer = transferOf();
    expect(await failureOf(transfer.get(`${server.url}/file`))).toMatchObject({ code: 'REMOTE_REFUSED' });
    expect(server.count('/file')).toBe(11);
  });

  test('goes to the mirror, says so, and does not show it credentials of the origin', async () => {
    await using mirror = await startFileServer({ '/m/file': FILE });
    await using transfer = transferOf({ rewrite: [{ from: 'https://origin.invalid/x', to: `${mirror.url}/m` }] });
    const file = await transfer.get('https://origin.invalid/x/file', { authorization: 'Bearer hush' });
    expect(file?.url).toBe(`${mirror.url}/m/file`);
    await bytesOf(file);
    expect(mirror.requests[0]?.headers.authorization).toBeUndefined();
  });

  test('opens no socket when offline', async () => {
    await using server = await startFileServer({ '/file': FILE });
    await using transfer = transferOf({ offline: true });
    const failure = await failureOf(transfer.get(`${server.url}/file?token=secret`));
    expect(failure).toMatchObject({ code: 'OFFLINE' });
    expect(String(failure)).not.toContain('secret');
    expect(server.requests).toEqual([]);
  });

  test('ends with the reason of an abort, also while it waits for an answer', async () => {
    await using server = await startFaultyServer({ '/file': FILE }, { '/file': [{ kind: 'stall' }] });
    await using transfer = transferOf();
    const reason = new Error('Ctrl-C');
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    expect(await failureOf(transfer.get(`${server.url}/file`, { signal: controller.signal }))).toBe(reason);
  });

  test('says UNREACHABLE when nobody listens, and when there is no such host', async () => {
    const server = await startFileServer({});
    await server[Symbol.asyncDispose]();
    await using transfer = transferOf();
    expect(await failureOf(transfer.get(server.url))).toMatchObject({ code: 'UNREACHABLE' });
    expect(await failureOf(transfer.get('http://no-such-host.invalid/'))).toMatchObject({ code: 'UNREACHABLE' });
  });

  test('goes through the proxy that was named, except to hosts that it must not see', async () => {
    await using server = await startFileServer({ '/file': FILE });
    await using proxy = await startProxy();
    await using proxied = transferOf({ proxy: { http: proxy.url } });
    expect((await bytesOf(await proxied.get(`${server.url}/file`))).length).toBe(FILE.length);
    expect(proxy.asked).toEqual([`GET ${server.url}/file`]);
    await using direct = transferOf({ proxy: { http: proxy.url, noProxy: 'example.org,127.0.0.1' } });
    expect((await bytesOf(await direct.get(`${server.url}/file`))).length).toBe(FILE.length);
    expect(proxy.asked).toHaveLength(1);
  });

  test('trusts a corporate certificate authority when it is named, also behind a proxy', async () => {
    await using server = await startTlsServer('secure');
    await using proxy = await startProxy();
    for (const options of [{}, { proxy: { https: proxy.url } }]) {
      await using transfer = transferOf({ certificateAuthorities: server.certificate, ...options });
      expect((await bytesOf(await transfer.get(server.url))).toString()).toBe('secure');
    }
    expect(proxy.asked).toEqual([`CONNECT ${new URL(server.url).host}`]);
  });

  test('brings a large file over TLS, to who keeps its pieces and to who borrows them, however slowly', async () => {
    const file = Buffer.from(Uint32Array.from({ length: 6_000_000 }, (_, n) => n * 2654435761).buffer);
    await using server = await startTlsServer(file);
    await using transfer = transferOf({ certificateAuthorities: server.certificate });
    expect((await bytesOf(await transfer.get(server.url))).equals(file)).toBe(true);
    const digester = createDigester();
    for await (const piece of lentPieces((await transfer.get(server.url))?.bytes ?? onePiece(Buffer.alloc(0)))) {
      await nextTurn();
      digester.update(piece);
    }
    expect(digester.finish()).toBe(digestOf(file));
  });

  test('says what is wrong with a certificate that nobody vouches for, and does not try again', async () => {
    await using server = await startTlsServer('secure');
    await using transfer = transferOf();
    const failure = await failureOf(transfer.get(server.url));
    expect(failure).toMatchObject({ code: 'UNREACHABLE' });
    expect(String(failure)).toContain('certificate is not trusted');
    expect(transfer.waits).toEqual([]);
  });
});
