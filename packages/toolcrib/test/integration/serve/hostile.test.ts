import { execFile } from 'node:child_process';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect, promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { storeListingFrom } from '../../../src/core/store-listing.ts';
import { sourceOf } from '../../contract/store-contract.ts';
import { openTestHttpStore, startServe, type ServedStore } from '../../servers/serve.ts';
import { allBytes, bytesOf } from '../../unit/disk/scratch.ts';
import { connectTo, putHead } from './raw-connection.ts';

const NAME = 'tool-amd64-v1';

/** The status of what a server answers to these exact bytes. */
async function statusOf(server: ServedStore, request: string): Promise<number> {
  using connection = await connectTo(server.port);
  connection.socket.write(request, 'latin1');
  return Number(/^HTTP\/1\.1 (?<status>\d+)/.exec(await connection.until('\r\n\r\n'))?.groups?.['status']);
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: store\r\n\r\n`;

describe('a server that is asked for what is not its business', () => {
  test('gives out nothing above, below or beside its files', async () => {
    await using server = await startServe();
    await mkdir(join(server.root, 'folder'));
    await writeFile(join(server.root, 'folder', NAME), 'below');
    await writeFile(join(server.root, '.hidden'), 'hidden');
    await symlink('../token', join(server.root, 'link-amd64-v1'));
    await symlink('.', join(server.root, 'dot-amd64-v1'));
    await promisify(execFile)('mkfifo', [join(server.root, 'pipe-amd64-v1')]);
    const paths: readonly string[] = [
      ...['/../token', '/..%2ftoken', '/%2e%2e/token', '/%2e%2e%2ftoken', '/..\\token', '/..%5ctoken', '//token'],
      ...['/./folder', '/folder', `/folder/${NAME}`, `/folder%2f${NAME}`, '/.hidden', '/%2ehidden', '/.toolcrib-serve'],
      ...['/link-amd64-v1', '/dot-amd64-v1', `/dot-amd64-v1/${NAME}`, '/pipe-amd64-v1', `/${NAME}%00`, `/${NAME}/`],
      ...['/%zz', '/%ff', '/%c0%ae%c0%ae/token', `/${'a'.repeat(201)}`, `/${'a'.repeat(5000)}`, '/%20', '/;a=b'],
    ];
    for (const path of paths) expect([400, 404, 414], path).toContain(await statusOf(server, get(path)));
    const answer = await fetch(`${server.url}/?format=json`);
    expect(await answer.text()).toBe('{"schema":"toolcrib.listing.v1","files":[]}\n');
  });

  test('creates nothing above, below or beside its files, nor over what is there', async () => {
    await using server = await startServe();
    await mkdir(join(server.root, 'folder-v1'));
    await symlink('../elsewhere', join(server.root, 'link-v1'));
    const before = await readdir(server.root);
    for (const name of ['..%2fup', '%2e%2e%2fup', '.hidden', 'a%2fb', 'a b', 'a%00', 'healthz', 'x'.repeat(201), '']) {
      expect([400, 404, 405, 414]).toContain(await statusOf(server, `${putHead(name, 1, server.token)}x`));
    }
    for (const name of ['folder-v1', 'link-v1']) {
      expect(await statusOf(server, `${putHead(name, 1, server.token)}x`)).toBe(412);
    }
    expect(await readdir(server.root)).toEqual(before);
    expect(await readdir(join(server.root, '..'))).toEqual(['root', 'token']);
  });

  test('reads no more of headers than it needs', async () => {
    await using server = await startServe();
    expect(await statusOf(server, `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`)).toBe(431);
    const many = Array.from({ length: 10_000 }, (_, index) => `x${index}: y\r\n`).join('');
    expect(await statusOf(server, `GET / HTTP/1.1\r\nhost: a\r\n${many}\r\n`)).toBe(431);
    expect(await statusOf(server, 'nonsense\r\n\r\n')).toBe(400);
    expect(await statusOf(server, get('/'))).toBe(200);
  });

  test('takes a body only where it wants one', async () => {
    await using server = await startServe();
    const post = (head: string): string => `${head} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\nx`;
    for (const head of ['GET /', `GET /${NAME}`, 'POST /', `DELETE /${NAME}`]) {
      expect(await statusOf(server, post(head))).toBe(400);
    }
  });

  test('keeps nothing of an upload whose length is a lie', async () => {
    await using server = await startServe();
    using short = await connectTo(server.port);
    short.socket.end(`${putHead('short-v1', 10, server.token)}12345`);
    await short.ended();
    using long = await connectTo(server.port);
    long.socket.write(`${putHead('long-v1', 5, server.token)}1234567890`);
    expect(await long.ended()).toContain('HTTP/1.1 400');
    for (const length of ['-1', '1e3', '0x10', '1, 2', '99999999999999999999', '']) {
      const head = putHead('odd-v1', undefined, server.token, { 'content-length': length });
      expect([400, 411, 413]).toContain(await statusOf(server, `${head}x`));
    }
    const both = putHead('both-v1', 1, server.token, { 'transfer-encoding': 'chunked' });
    expect([400, 411]).toContain(await statusOf(server, `${both}1\r\nx\r\n0\r\n\r\n`));
    const answer = await fetch(`${server.url}/?format=json`);
    const listing = storeListingFrom(await answer.text());
    // As many bytes as were announced had come, before it was clear that the connection makes no sense.
    for (const file of listing?.files ?? []) {
      expect(file).toEqual({ name: 'long-v1', size: 5, digest: digestOf('12345') });
    }
    expect((await readdir(server.root)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('a file that is being created', () => {
  test('is not there for any reader before it is there as a whole', async () => {
    await using server = await startServe();
    const bytes = bytesOf(1_000_000);
    const reader = openTestHttpStore(server.url, undefined);
    const writer = openTestHttpStore(server.url, server.token);
    for (let round = 1; round <= 5; round += 1) {
      const name = `tool-amd64-v${round}`;
      const progress = { created: false, seen: false };
      const creating = writer.create(name, sourceOf(bytes, 10_000)).finally(() => (progress.created = true));
      while (!progress.created || !progress.seen) {
        const file = await reader.fetch(name);
        expect([name, file === undefined && progress.seen]).toEqual([name, false]);
        if (file === undefined) continue;
        progress.seen = true;
        expect(digestOf(await allBytes(file.bytes))).toBe(digestOf(bytes));
      }
      expect(await creating).toBe('created');
    }
    await Promise.all([reader.close(), writer.close()]);
  });
});

describe('a token that was given to a server and to a client', () => {
  test('is in no answer, no line of a log and no message', async () => {
    await using server = await startServe();
    const { token, url } = server;
    const authorization = { authorization: `Bearer ${token}` };
    const answers: string[] = [];
    for (const [path, method] of [
      [`/${NAME}?token=${token}`, 'PUT'],
      [`/?access_token=${token}`, 'GET'],
      [`/healthz?${token}`, 'GET'],
      [`/${NAME}#${token}`, 'DELETE'],
    ] as const) {
      const answer = await fetch(url + path, { method, headers: authorization });
      answers.push(JSON.stringify([...answer.headers]), await answer.text());
    }
    const store = openTestHttpStore(url, `${token.slice(1)}0`);
    const failure: unknown = await store.create(NAME, sourceOf(Buffer.from('x'))).catch((error: unknown) => error);
    await store.close();
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 401 } });
    await server.end('SIGTERM');
    expect(server.heard()).toContain(`PUT /${NAME} 400`);
    const said = [server.heard(), ...answers, JSON.stringify(failure), inspect(failure, { depth: 9 })].join('\n');
    expect(said).not.toContain(token);
    expect(said).not.toContain(token.slice(1));
  });
});
