import { execFile } from 'node:child_process';
import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { openTestHttpStore, startServe, type ServedStore } from '../../servers/serve.ts';
import { bytesOf, createScratch } from '../../unit/disk/scratch.ts';
import { requestOf } from '../publish/release-fixture.ts';

const run = promisify(execFile);
const NAME = 'tool-amd64-v1';
const BYTES = bytesOf(3_000_000);

/** Runs curl; gives back what it wrote: the answer's status after what was asked for. */
async function curl(...args: readonly string[]): Promise<string> {
  return (await run('curl', ['-sS', '--noproxy', '*', '-w', '%{http_code}', ...args])).stdout;
}

async function upload(server: ServedStore, path: string, ...more: readonly string[]): Promise<string> {
  return await uploadAnyhow(server, path, '-H', 'If-None-Match: *', ...more);
}

/** Without the condition that there is no such file. */
async function uploadAnyhow(server: ServedStore, path: string, ...more: readonly string[]): Promise<string> {
  return await curl('-T', path, '-H', `Authorization: Bearer ${server.token}`, ...more, `${server.url}/${NAME}`);
}

describe('curl, as a client that knows nothing of toolcrib,', () => {
  test('creates a file once, and never again', async () => {
    await using server = await startServe();
    await using scratch = await createScratch();
    const [first, second] = [join(scratch.path, 'first'), join(scratch.path, 'second')];
    await writeFile(first, BYTES);
    await writeFile(second, 'other');
    expect(await upload(server, first)).toBe('201');
    expect(await upload(server, first)).toMatch(/exists already.*\n412$/);
    expect(await upload(server, second)).toMatch(/412$/);
    expect(await upload(server, second, '-H', 'Expect: 100-continue')).toMatch(/412$/);
    expect((await readFile(join(server.root, NAME))).equals(BYTES)).toBe(true);
    expect((await stat(join(server.root, NAME))).mode & 0o777).toBe(0o444);
  });

  test('gets a file, its parts, and nothing when it has it already', async () => {
    await using server = await startServe();
    await using scratch = await createScratch();
    const path = join(scratch.path, 'got');
    await writeFile(join(server.root, NAME), BYTES);
    const url = `${server.url}/${NAME}`;
    expect(await curl('-o', path, url)).toBe('200');
    expect((await readFile(path)).equals(BYTES)).toBe(true);
    await writeFile(path, BYTES.subarray(0, 1_000_000));
    expect(await curl('-C', '-', '-o', path, url)).toBe('206');
    expect((await readFile(path)).equals(BYTES)).toBe(true);
    expect(await curl('-r', '-7', '-o', path, url)).toBe('206');
    expect((await readFile(path)).equals(BYTES.subarray(-7))).toBe(true);
    expect(await curl('-r', '3000000-', url)).toBe('416');
    const etags = join(scratch.path, 'etag');
    expect(await curl('--etag-save', etags, '-o', path, url)).toBe('200');
    expect(await curl('--etag-compare', etags, url)).toBe('304');
    const { stdout: head } = await run('curl', ['-sS', '--noproxy', '*', '-I', url]);
    expect(head).toContain(`x-artifact-sha256: ${digestHex(digestOf(BYTES))}`);
    expect(head).toContain(`content-length: ${BYTES.byteLength}`);
    const { stdout: ranged } = await run('curl', ['-sS', '--noproxy', '*', '-I', '-H', 'Range: bytes=0-1', url]);
    expect(ranged).toMatch(/^HTTP\/1\.1 200 /);
    expect(ranged).toContain(`content-length: ${BYTES.byteLength}`);
  });

  test.each([
    ['401', 'without a token', []],
    ['401', 'with another token', ['-H', `Authorization: Bearer ${'0'.repeat(64)}`]],
    ['401', 'with a password', ['-u', 'user:password']],
  ])('gets %s %s', async (status, _, more) => {
    await using server = await startServe();
    const put = ['-X', 'PUT', '--data-binary', 'x', '-H', 'If-None-Match: *'];
    expect(await curl(...put, ...more, `${server.url}/${NAME}`)).toContain(status);
    expect(await curl(`${server.url}/${NAME}`)).toContain('404');
  });

  test('is told what is wrong with an upload', async () => {
    await using server = await startServe({ args: ['--max-file-bytes', '1000'] });
    await using scratch = await createScratch();
    const [path, large] = [join(scratch.path, 'file'), join(scratch.path, 'large')];
    await writeFile(path, 'x');
    await writeFile(large, Buffer.alloc(1001));
    const lie = digestHex(digestOf('other'));
    expect(await upload(server, path, '-H', `x-artifact-sha256: ${lie}`)).toMatch(/announced digest.*\n400$/);
    expect(await upload(server, path, '-H', 'x-artifact-sha256: abc')).toMatch(/400$/);
    expect(await uploadAnyhow(server, path)).toMatch(/If-None-Match: \*"\n400$/);
    expect(await uploadAnyhow(server, path, '-H', 'If-None-Match: "x"')).toMatch(/400$/);
    expect(await upload(server, path, '-H', 'Content-Encoding: gzip')).toMatch(/415$/);
    expect(await upload(server, path, '-H', 'Transfer-Encoding: chunked')).toMatch(/Content-Length.*\n411$/);
    expect(await upload(server, large)).toMatch(/1000 bytes.*\n413$/);
    expect(await upload(server, path, '-H', 'Content-Range: bytes 0-0/1')).toMatch(/as a whole\n400$/);
    expect(await curl('-X', 'DELETE', `${server.url}/${NAME}`)).toMatch(/never changed or removed\n405$/);
    expect(await upload(server, path, '-H', `x-artifact-sha256: ${digestHex(digestOf('x'))}`)).toBe('201');
  });

  test('reads a server that takes nothing', async () => {
    await using server = await startServe({ publishing: false });
    await using scratch = await createScratch();
    const path = join(scratch.path, 'file');
    await writeFile(path, 'x');
    expect(await upload(server, path)).toMatch(/only reads.*\n403$/);
    await writeFile(join(server.root, NAME), 'y');
    expect(await curl(`${server.url}/${NAME}`)).toBe('y200');
    expect(await curl(`${server.url}/healthz`)).toBe('{"status":"ok","publishing":false}200');
    expect(await curl(`${server.url}/${NAME}`, '-o', '/dev/null', '-I')).toBe('200');
  });

  test('finds the index, for a person and for a program', async () => {
    await using server = await startServe();
    await symlink('/etc/passwd', join(server.root, 'link-amd64-v1'));
    await writeFile(join(server.root, NAME), BYTES);
    expect(await curl(`${server.url}/`)).toContain(`<a href="./${NAME}">`);
    const listing = `{"schema":"toolcrib.listing.v1","files":[{"name":"${NAME}","size":3000000,"digest":"${digestOf(BYTES)}"}]}`;
    expect(await curl(`${server.url}/?format=json`)).toBe(`${listing}\n200`);
    expect(await curl('-H', 'Accept: application/json', `${server.url}/`)).toBe(`${listing}\n200`);
  });

  test('brings a release that "sha256sum -c" accepts', async () => {
    await using server = await startServe();
    await using scratch = await createScratch();
    const store = openTestHttpStore(server.url, server.token);
    const what = { store: server.url, folder: scratch.path, tool: 'tool', version: 1, seed: 'a', bytes: 50_000 };
    const request = await requestOf(what, store);
    await publishRelease(request);
    await store.close();
    const names = ['tool-v1.SHA256SUMS', ...request.artifacts.map(({ name }) => name)];
    for (const name of names) await curl('-f', '-o', join(scratch.path, name), `${server.url}/${name}`);
    const { stdout } = await run('sha256sum', ['-c', '--strict', 'tool-v1.SHA256SUMS'], { cwd: scratch.path });
    expect(stdout.match(/: OK$/gm)).toHaveLength(3);
  });
});

describe('the digest that a server tells', () => {
  test('is of the bytes that are there, also when somebody put other ones in their place', async () => {
    await using server = await startServe();
    const [path, url] = [join(server.root, NAME), `${server.url}/${NAME}`];
    for (const text of ['first', 'other', 'third']) {
      await writeFile(path, text);
      const answer = await fetch(url);
      expect(answer.headers.get('x-artifact-sha256')).toBe(digestHex(digestOf(text)));
      expect(await answer.text()).toBe(text);
    }
  });

  test('is not believed from a record that somebody wrote', async () => {
    await using server = await startServe();
    const [path, url] = [join(server.root, NAME), `${server.url}/${NAME}`];
    await writeFile(path, 'text');
    await (await fetch(url)).text();
    const record = join(server.root, '.toolcrib-serve/digests-v1', NAME);
    const written = await readFile(record, 'utf8');
    await server.end('SIGTERM');
    for (const text of ['\0', '{}', written.replace(/"identity":"[^"]*"/, '"identity":"0"')]) {
      await writeFile(record, text);
      await server.restart();
      expect((await fetch(url)).headers.get('x-artifact-sha256')).toBe(digestHex(digestOf('text')));
      expect(await readFile(record, 'utf8')).toBe(written);
      await server.end('SIGTERM');
    }
  });
});
