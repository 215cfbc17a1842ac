import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { openDockerSandbox } from '../../../src/sandboxes/docker/docker-sandbox.ts';
import type { Sandbox } from '../../../src/sandboxes/sandbox.ts';
import { writeTar } from '../../../src/tar/write.ts';
import { docker, dockerAvailable, startContainer } from '../../servers/docker.ts';
import { relayEngine } from '../../servers/engine-relay.ts';
import { requireOrSkip } from '../../servers/require.ts';

const image = 'toolcrib-test/busybox';
const ready = requireOrSkip(await dockerAvailable(image));
const open = (name: string, env: Record<string, string> = {}) => openDockerSandbox(name, { env });

async function answers(sandbox: Sandbox): Promise<void> {
  try {
    const bytes = Buffer.alloc(300_000, 'x');
    await sandbox.unpackTar('/', writeTar([{ path: 'file', kind: 'file', mode: 0o644, bytes }]));
    expect((await sandbox.stat('/file'))?.size).toBe(300_000);
    const process = await sandbox.exec({ argv: ['/bin/cat'], stdin: true });
    process.stderr.resume();
    process.stdin.end('through');
    expect(await text(process.stdout)).toBe('through');
    expect(await process.exit).toEqual({ code: 0 });
    let size = 0;
    for await (const piece of (await sandbox.readTar('/file')) ?? []) size += piece.byteLength;
    expect(size).toBeGreaterThan(300_000);
  } finally {
    await sandbox.close();
  }
}

describe('opening a container', ready, () => {
  test('of an engine that does not answer names the socket', async () => {
    for (const host of ['unix:///no/such.sock', 'tcp://127.0.0.1:1']) {
      await expect(open('any', { DOCKER_HOST: host })).rejects.toMatchObject({
        code: 'UNREACHABLE',
        message: expect.stringContaining(host) as string,
      });
    }
  });

  test('of something that is no engine says so', async () => {
    const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const opening = open('any', { DOCKER_HOST: `tcp://127.0.0.1:${port}` });
    await expect(opening).rejects.toThrow('no container engine answers there');
    server.close();
  });

  test('tells who and what it is', async () => {
    const args = [
      '--user',
      '1000',
      '--workdir',
      '/home',
      '--env',
      'A=b=c',
      '--read-only',
      '--tmpfs',
      '/tmp:exec,size=1m',
    ];
    await using container = await startContainer({
      image,
      args: [...args, '--volume', '/vol', '--volume', '/etc:/host:ro'],
    });
    const sandbox = await open(container.name);
    const { identity } = sandbox;
    expect(identity).toMatchObject({ id: container.id, arch: 'amd64', user: '1000', cwd: '/home', readOnlyRoot: true });
    expect(identity.env).toMatchObject({ A: 'b=c' });
    expect(identity.mounts).toEqual(
      expect.arrayContaining([
        { path: '/tmp', kind: 'tmpfs', writable: true, executable: true },
        expect.objectContaining({ path: '/vol', kind: 'volume', writable: true, executable: true }),
        { path: '/host', kind: 'bind', writable: false, executable: true, source: '/etc' },
      ]),
    );
    await sandbox.close();
    await docker('restart', '--time', '0', container.name);
    const again = await open(container.name);
    expect(again.identity.startedAt).not.toBe(identity.startedAt);
    await again.close();
  });

  test('works over TCP', async () => {
    await using container = await startContainer({ image });
    await using proxy = await relayEngine();
    await answers(await open(container.name, proxy.env));
  });

  test('works over TLS with a client certificate, and refuses an authority that it does not know', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'docker-tls-'));
    try {
      const { ca, cert, key } = await makeCertificates(folder);
      const options = { ca, cert, key, requestCert: true, rejectUnauthorized: true, allowHalfOpen: true };
      await using container = await startContainer({ image });
      await using proxy = await relayEngine((onConnection) => createTlsServer(options, onConnection));
      const env = { ...proxy.env, DOCKER_TLS_VERIFY: '1' };
      await answers(await open(container.name, { ...env, DOCKER_CERT_PATH: folder }));
      const opening = open(container.name, { ...env, DOCKER_CERT_PATH: join(folder, 'empty') });
      await expect(opening).rejects.toMatchObject({ code: 'UNREACHABLE' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('goes through the current Docker context', async () => {
    const config = await mkdtemp(join(tmpdir(), 'docker-config-'));
    try {
      const meta = join(config, 'contexts', 'meta', createHash('sha256').update('lab').digest('hex'));
      await mkdir(meta, { recursive: true });
      await writeFile(join(config, 'config.json'), JSON.stringify({ currentContext: 'lab' }));
      const Endpoints = { docker: { Host: 'unix:///run/docker.sock', SkipTLSVerify: false } };
      await writeFile(join(meta, 'meta.json'), JSON.stringify({ Name: 'lab', Metadata: {}, Endpoints }));
      await using container = await startContainer({ image });
      const sandbox = await open(container.name, { DOCKER_CONFIG: config });
      expect(sandbox.identity.engine).toBe('unix:///run/docker.sock');
      await sandbox.close();
    } finally {
      await rm(config, { recursive: true });
    }
  });

  test('an output that is not read holds back the program instead of filling memory', async () => {
    await using container = await startContainer({ image });
    const sandbox = await open(container.name);
    const argv = ['/bin/sh', '-c', 'head -c 400000000 /dev/zero; echo done >&2'];
    const process = await sandbox.exec({ argv, stdin: false });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(process.stdout.readableLength).toBeLessThan(1_000_000);
    let size = 0;
    const drain = async () => {
      for await (const piece of process.stdout as AsyncIterable<Buffer>) size += piece.byteLength;
    };
    await Promise.all([drain(), text(process.stderr)]);
    expect(size).toBe(400_000_000);
    await sandbox.close();
  });
});

/** One self-signed certificate that is authority, server and client. */
async function makeCertificates(folder: string): Promise<{ ca: Buffer; cert: Buffer; key: Buffer }> {
  const { copyFile, readFile } = await import('node:fs/promises');
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'];
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  await promisify(execFile)('openssl', [...args, ...names, ...files]);
  await copyFile(join(folder, 'cert.pem'), join(folder, 'ca.pem'));
  await mkdir(join(folder, 'empty'));
  const [cert, key] = await Promise.all(['cert.pem', 'key.pem'].map((name) => readFile(join(folder, name))));
  if (cert === undefined || key === undefined) throw new Error('no certificate was made');
  return { ca: cert, cert, key };
}
