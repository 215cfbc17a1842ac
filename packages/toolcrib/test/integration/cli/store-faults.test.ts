import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startFaultyServer, type Fault, type HttpServer } from '../../servers/http.ts';
import { documentOf, startCli, toolcrib } from './command-line.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';

const NAME = 'demo-amd64-any-v1';
const PATH = `/bucket/${NAME}`;
const bytes = randomBytes(2_000_000);

const storeAt = (server: string) => `s3://bucket?endpoint=${server}&pathStyle=true`;

/** A project that pins `bytes`, with S3 stores that answer at these addresses. */
function pinnedProject(...servers: readonly string[]): Promise<ScratchProject> {
  return scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: servers.map(storeAt) },
    'tool-version.txt': '1\n',
    SHA256SUMS: `${createHash('sha256').update(bytes).digest('hex')}  ${NAME}\n`,
  });
}

const serving = (...faults: readonly Fault[]): Promise<HttpServer> =>
  startFaultyServer({ [PATH]: bytes }, { [PATH]: faults });

/** Every file below a folder, by its path there. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

const blobsOf = (project: ScratchProject) => filesBelow(join(project.folder, 'cache/v1/blobs'));

describe.concurrent('resolve', () => {
  test('exits with 7 when no store can be reached, naming the effective URL', async () => {
    await using project = await pinnedProject('http://127.0.0.1:1');
    const end = await toolcrib(['resolve', '--json'], { cwd: project.folder });
    expect(end.code).toBe(7);
    const message: unknown = expect.stringContaining(`http://127.0.0.1:1${PATH}`);
    expect(documentOf(end)).toMatchObject({ error: { code: 'UNREACHABLE', message } });
    expect(await blobsOf(project)).toEqual([]);
  });

  test('says of a store that answers 403 that the file may be there, for others, and where it was asked for', async () => {
    await using server = await serving({ kind: 'status', status: 403 });
    await using project = await pinnedProject();
    const config = { tool: 'demo', targets: ['amd64-any'], stores: [`${server.url}/bucket`] };
    await project.write('toolcrib.json', JSON.stringify(config));
    const end = await toolcrib(['resolve', '--explain'], { cwd: project.folder });
    expect(end.code).toBe(3);
    const text = end.stderr.replaceAll(/\n +/g, ' ');
    const hidden = 'it is not there, or not shown to us: the server answered 403 (forbidden)';
    expect(text).toContain(`${server.url}${PATH}: ${hidden}`);
    expect(text).toContain(`hint: if it is published, find out who may read ${server.url}${PATH}, which answered 403;`);
  });

  test('warns of a store that cannot be reached and takes the artifact from the next', async () => {
    await using server = await serving();
    await using project = await pinnedProject('http://127.0.0.1:1', server.url);
    const end = await toolcrib(['resolve'], { cwd: project.folder });
    expect(end.code).toBe(0);
    expect(end.stderr).toContain(`warning: ${NAME} does not come from s3://bucket?endpoint=http://127.0.0.1:1`);
    expect(await blobsOf(project)).toEqual([end.stdout.trim()]);
  });

  test('exits with 4 on other bytes, asks no other store, and keeps nothing', async () => {
    await using bad = await serving({ kind: 'wrong-bytes' });
    await using good = await serving();
    await using project = await pinnedProject(bad.url, good.url);
    const end = await toolcrib(['resolve', '--json'], { cwd: project.folder });
    expect(end.code).toBe(4);
    expect(documentOf(end)).toMatchObject({ error: { code: 'DIGEST_MISMATCH' } });
    expect(good.requests).toEqual([]);
    expect(await blobsOf(project)).toEqual([]);
  });

  test('tries again when a server fails for a moment', async () => {
    await using server = await serving({ kind: 'status', status: 503 }, { kind: 'reset', bytes: 1000 });
    await using project = await pinnedProject(server.url);
    const end = await toolcrib(['resolve'], { cwd: project.folder });
    expect(end, end.stderr).toMatchObject({ code: 0 });
    expect(await blobsOf(project)).toHaveLength(1);
  });

  test('with --offline opens no connection: exit 7', async () => {
    await using server = await serving();
    await using project = await pinnedProject(server.url);
    const end = await toolcrib(['--offline', 'resolve'], { cwd: project.folder });
    expect(end.code).toBe(7);
    expect(end.stderr).toContain('no store is asked offline');
    expect(server.requests).toEqual([]);
  });

  test('draws no progress bar where nobody looks at a terminal', async () => {
    await using server = await serving();
    await using project = await pinnedProject(server.url);
    const end = await toolcrib(['resolve'], { cwd: project.folder });
    expect(end).toMatchObject({ code: 0, stderr: '' });
  });

  test.for(['SIGINT', 'SIGTERM'] as const)(
    'on %s during a download exits with 130 and leaves no file',
    async (signal) => {
      await using server = await serving({ kind: 'stall', bytes: 1_000_000 });
      await using project = await pinnedProject(server.url);
      const cli = startCli(['resolve', '--json'], { cwd: project.folder });
      while ((await blobsOf(project)).length === 0) await new Promise((done) => setTimeout(done, 20));
      cli.process.kill(signal);
      const end = await cli.end;
      expect(end).toMatchObject({ code: 130, signal: null, stderr: '' });
      expect(documentOf(end)).toMatchObject({ error: { code: 'INTERRUPTED' } });
      expect(await blobsOf(project)).toEqual([]);
      expect(await toolcrib(['cache', 'verify'], { cwd: project.folder })).toMatchObject({ code: 0 });
    },
  );
});
