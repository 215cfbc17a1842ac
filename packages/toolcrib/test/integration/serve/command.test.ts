import { createServer } from 'node:net';
import { once } from 'node:events';
import { chmod, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openTestHttpStore, startServe } from '../../servers/serve.ts';
import { allBytes, bytesOf, createScratch, inPieces } from '../../unit/disk/scratch.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { documentOf, toolcrib, type CliEnd } from '../cli/command-line.ts';
import { scratchProject } from '../../unit/cli/scratch-project.ts';
import { connectTo, putHead, untilReceiving } from './raw-connection.ts';

const NAME = 'tool-amd64-v1';

/** Runs `toolcrib serve` where it has to fail. */
async function failing(...args: readonly string[]): Promise<CliEnd> {
  await using scratch = await createScratch();
  return await toolcrib(['serve', ...args], { cwd: scratch.path });
}

describe('toolcrib serve', () => {
  test('says what is wrong before it listens', async () => {
    await using scratch = await createScratch();
    const token = join(scratch.path, 'token');
    await writeFile(token, 'a'.repeat(64));
    await chmod(token, 0o644);
    const root = ['--root', scratch.path];
    const [none, missing, file, port, open] = await Promise.all([
      failing(),
      failing('--root', join(scratch.path, 'missing')),
      failing('--root', token),
      failing(...root, '--port', '70000'),
      failing(...root, '--token-file', token, '--json'),
    ]);
    expect([none.code, missing.code, file.code, port.code, open.code]).toEqual([2, 2, 2, 2, 2]);
    expect(missing.stderr).toMatch(/cannot serve .*missing.*ENOENT[^]*hint: --root names a directory/);
    expect(open.stdout).toMatch(/^\{"error":\{"code":"USAGE".*chmod 600/);
  });

  test('says who may help when the port is taken', async () => {
    await using scratch = await createScratch();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stderr } = await failing('--root', scratch.path, '--port', String(port));
    other.close();
    expect(code).toBe(7);
    expect(stderr).toMatch(/cannot listen on 127\.0\.0\.1 port \d+: EADDRINUSE\n {2}hint: .*--port/);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('has done its work when %s tells it to stop', async (signal) => {
    await using server = await startServe();
    await (await fetch(`${server.url}/`)).text();
    expect(await server.end(signal)).toEqual({ code: 0, signal: null });
    expect(server.heard()).toMatch(/GET \/ 200 \d+ B \d+ ms\n.*stopping/);
  });

  test('lets transfers that run come to their end, and takes no more', async () => {
    await using server = await startServe();
    const bytes = bytesOf(30_000_000);
    await writeFile(join(server.root, NAME), bytes);
    const reader = openTestHttpStore(server.url, undefined);
    const file = await reader.fetch(NAME);
    using upload = await connectTo(server.port);
    upload.socket.write(putHead('other-amd64-v1', 4, server.token));
    await untilReceiving(server.root);
    const ended = server.end('SIGTERM');
    while (!server.heard().includes('stopping')) await once(server.process.stderr ?? server.process, 'data');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    upload.socket.write('late');
    expect(await upload.until('\r\n\r\n')).toContain('201 Created');
    expect((await allBytes(file?.bytes ?? inPieces(Buffer.alloc(0)))).equals(bytes)).toBe(true);
    expect(await ended).toEqual({ code: 0, signal: null });
    expect((await readdir(server.root)).sort()).toEqual(['.toolcrib-serve', 'other-amd64-v1', NAME]);
    await reader.close();
  });

  test('ends at once when it is told twice, and leaves no temporary file', async () => {
    await using server = await startServe();
    using upload = await connectTo(server.port);
    upload.socket.write(`${putHead(NAME, 1000, server.token)}x`);
    await untilReceiving(server.root);
    const ended = server.end('SIGINT');
    while (!server.heard().includes('stopping')) await once(server.process.stderr ?? server.process, 'data');
    server.process.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, signal: null });
    expect(await readdir(server.root)).toEqual([]);
  });

  test('warns of a token that other machines would send in the clear', async () => {
    await using open = await startServe({ args: ['--host', '0.0.0.0'] });
    expect(open.heard()).toMatch(/warning: .*in the clear\n {2}hint: .*TLS/);
    await using closed = await startServe();
    await using reading = await startServe({ publishing: false, args: ['--host', '0.0.0.0'] });
    expect([closed.heard(), reading.heard()]).toEqual([`${closed.url}\n`, `${reading.url}\n`]);
  });

  test('tells with --json what happens, one document a line', async () => {
    await using server = await startServe({ args: ['--json'] });
    await (await fetch(`${server.url}/${NAME}`)).text();
    await server.end('SIGTERM');
    const events = server
      .heard()
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(events).toEqual([
      { event: 'listening', url: server.url, publishing: true },
      expect.objectContaining({ event: 'request', method: 'GET', path: `/${NAME}`, status: 404 }),
      expect.objectContaining({ event: 'stopping' }),
    ]);
  });
});

describe('a release on a server', () => {
  test('is published, resolved and told by the command line', async () => {
    await using server = await startServe();
    const config = { tool: 'demo', targets: ['amd64-any'], stores: [`${server.url}/`] };
    const build = { driver: 'command', command: 'cp program "$TOOLCRIB_OUTPUT"' };
    await using project = await scratchProject({ 'toolcrib.json': { ...config, build }, 'tool-version.txt': '1\n' });
    await project.write('program', elfFile({ versions: [] }));
    const where = { cwd: project.folder, env: { TOOLCRIB_INSTALL_STATE: 'clean' } };
    const token = { TOOLCRIB_HTTP_TOKEN: server.token, TOOLCRIB_HTTP_TOKEN_ORIGIN: server.url };
    const withToken = { ...where, env: { ...where.env, ...token } };
    expect(await toolcrib(['build'], where)).toMatchObject({ code: 0 });
    const refused = await toolcrib(['publish'], where);
    expect(refused).toMatchObject({ code: 7 });
    expect(refused.stderr).toMatch(/answered 401: publishing needs a bearer token\n {2}hint: .*TOOLCRIB_HTTP_TOKEN/);
    const published = await toolcrib(['publish'], withToken);
    expect(published).toMatchObject({ code: 0 });
    expect(await toolcrib(['publish'], withToken)).toMatchObject({ code: 0 });
    await rm(join(project.folder, 'binaries'), { recursive: true });
    const resolved = await toolcrib(['resolve', '--target', 'amd64-any', '--json'], where);
    expect(documentOf(resolved)).toMatchObject({ tier: 'store', url: `${server.url}/demo-amd64-any-v1` });
    expect(await toolcrib(['status', '--json'], where)).toMatchObject({ code: 0 });
    expect(JSON.stringify([refused, published, resolved, server.heard()])).not.toContain(server.token);
  });
});
