import { ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createHost } from '../../../src/flows/host.ts';
import { examineHost } from '../../../src/flows/examine-host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { docker, dockerAvailable } from '../../servers/docker.ts';
import { startGithub } from '../../servers/github/github-server.ts';
import { podmanAvailable, podmanSockets } from '../../servers/podman.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Client, s3Server, type Bucket } from '../../servers/s3.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { programsMissing } from '../build/samples.ts';
import { cliEnvironment, documentOf, toolcrib, TOOLCRIB } from '../cli/command-line.ts';

const withDocker = requireOrSkip(await dockerAvailable());
const withPodman = requireOrSkip((await podmanAvailable('rootful')) ?? (await podmanAvailable('rootless')));
const withRegistry = requireOrSkip(await registryAvailable());
const withStrace = requireOrSkip(await programsMissing('strace'));

const run = promisify(execFile);
const NOWHERE = 'unix:///nowhere/docker.sock';
const KEYS = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };

interface Finding {
  readonly subject: string;
  readonly state: string;
  readonly text: string;
  readonly remedy: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
}

async function projectWith(...stores: readonly string[]): Promise<ScratchProject> {
  const config = { tool: 'demo', targets: ['amd64-any'], stores };
  return await scratchProject({ 'toolcrib.json': config, 'tool-version.txt': '1\n' });
}

async function examine(project: ScratchProject, env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const end = await toolcrib(['--json', 'doctor', ...args], { cwd: project.folder, env });
  const { findings } = documentOf(end) as { findings: readonly Finding[] };
  const of = (subject: string) => findings.filter((finding) => finding.subject === subject);
  return { ...end, of };
}

describe('doctor and engines', withDocker, () => {
  test.each(['rootful', 'rootless'] as const)(
    'tells the version and the rights of Docker and of %s Podman',
    withPodman,
    async (kind) => {
      await using project = await projectWith();
      const end = await examine(project, { CONTAINER_HOST: `unix://${podmanSockets[kind]}` });
      expect(end.code).toBe(0);
      const version = await docker('version', '--format', '{{.Server.Version}}');
      const driver = await docker('info', '--format', '{{.Driver}}');
      expect(end.of('docker')).toMatchObject([
        { state: 'ok', facts: { dialect: 'docker', version, storageDriver: driver, rootless: false } },
      ]);
      expect(end.of('podman')).toMatchObject([
        { state: 'ok', facts: { dialect: 'podman', rootless: kind === 'rootless', arch: 'amd64' } },
      ]);
    },
  );

  test('fails when somebody points to an engine that is not there, and only then', async () => {
    await using project = await projectWith();
    const pointed = await examine(project, { DOCKER_HOST: NOWHERE });
    expect(pointed.code).toBe(9);
    expect(pointed.of('docker')).toMatchObject([
      { state: 'failed', remedy: expect.stringContaining('start the engine') as string },
    ]);
    const end = await examine(project, { XDG_RUNTIME_DIR: project.folder });
    expect(end.code).toBe(0);
    expect(end.of('podman')).toMatchObject([{ state: 'note' }]);
  });

  test('is readable in 80 columns', async () => {
    await using project = await projectWith();
    const { stdout, code } = await toolcrib(['doctor'], { cwd: project.folder });
    expect(code).toBe(0);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(stdout).toContain('everything that is configured works');
  });
});

describe('doctor and a bucket', requireOrSkip(await s3Available()), () => {
  const urlOf = ({ name }: Bucket) => `s3://${name}/tools?endpoint=${s3Server.endpoint}&pathStyle=true`;

  async function withVersions(bucket: Bucket): Promise<void> {
    const client = s3Client();
    const VersioningConfiguration = { Status: 'Enabled' } as const;
    await client.send(new PutBucketVersioningCommand({ Bucket: bucket.name, VersioningConfiguration }));
    client.destroy();
  }

  async function isEmpty(bucket: Bucket): Promise<boolean> {
    const client = s3Client();
    const { Versions, DeleteMarkers } = await client.send(new ListObjectVersionsCommand({ Bucket: bucket.name }));
    client.destroy();
    return (Versions ?? []).length === 0 && (DeleteMarkers ?? []).length === 0;
  }

  test('warns of versions, and finds by writing that the server then overwrites; nothing is left', async () => {
    await using plain = await freshBucket();
    await using versioned = await freshBucket();
    await withVersions(versioned);
    await using project = await projectWith(urlOf(plain), urlOf(versioned));
    const looked = await examine(project, KEYS);
    expect(looked.code).toBe(0);
    expect(looked.of(urlOf(plain))).toMatchObject([
      { state: 'warning', facts: { read: true, list: true, published: false } },
      { state: 'ok', facts: { mayOverwrite: false } },
    ]);
    expect(looked.of(urlOf(versioned))).toMatchObject([
      { state: 'warning', facts: { published: false } },
      { state: 'warning', facts: { mayOverwrite: true }, remedy: expect.stringContaining('--write-probe') as string },
    ]);
    const written = await examine(project, KEYS, '--write-probe');
    expect(written.code).toBe(9);
    expect(written.of(urlOf(plain))[1]).toMatchObject({ state: 'ok', facts: { writeProbe: 'write-once' } });
    expect(written.of(urlOf(versioned))[1]).toMatchObject({ state: 'failed', facts: { writeProbe: 'overwrites' } });
    expect([await isEmpty(plain), await isEmpty(versioned)]).toEqual([true, true]);
  });

  test('fails with wrong credentials and without a bucket, and never shows a secret', async () => {
    await using bucket = await freshBucket();
    const missing = `s3://not-there-at-all?endpoint=${s3Server.endpoint}&pathStyle=true`;
    await using project = await projectWith(urlOf(bucket), missing);
    const end = await examine(project, KEYS);
    expect(end.code).toBe(9);
    expect(end.of(urlOf(bucket))[0]).toMatchObject({ facts: { read: true } });
    expect(end.of(missing)).toMatchObject([{ state: 'failed', remedy: expect.stringContaining('create') as string }]);
    const secret = 'a-secret-that-is-wrong-and-still-a-secret';
    const proxy = 'http://user:hunter2@127.0.0.1:1';
    const wrong = await examine(project, { ...KEYS, AWS_SECRET_ACCESS_KEY: secret, http_proxy: proxy, no_proxy: '*' });
    expect(wrong.code).toBe(9);
    expect(wrong.of(urlOf(bucket))).toMatchObject([
      { state: 'failed', text: expect.stringMatching(/ 403 /) as string },
    ]);
    expect(wrong.of('proxy')).toMatchObject([{ text: expect.stringContaining('http://127.0.0.1:1') as string }]);
    for (const hidden of [secret, 'hunter2']) expect(`${wrong.stdout}${wrong.stderr}`).not.toContain(hidden);
  });

  test('does not demand credentials of who only reads what is public', async () => {
    await using bucket = await freshBucket({ publicRead: true });
    await using project = await projectWith(urlOf(bucket));
    const end = await examine(project, { AWS_EC2_METADATA_DISABLED: 'true' });
    expect(end.code).toBe(0);
    expect(end.of(urlOf(bucket))).toMatchObject([{ facts: { list: false } }]);
  });
});

describe('doctor and other stores', () => {
  test('tells a registry', withRegistry, async () => {
    await using registry = await startRegistry();
    const url = `oci://${registry.host}/tools`;
    await using project = await projectWith(url, 'oci://127.0.0.1:1/tools');
    const end = await examine(project, {}, '--write-probe');
    expect(end.code).toBe(9);
    expect(end.of(url)).toMatchObject([
      { state: 'warning', facts: { read: true, published: false, guarantee: 'detected' } },
      { state: 'note', text: expect.stringContaining('not tried') as string },
    ]);
    expect(end.of('oci://127.0.0.1:1/tools')).toMatchObject([{ state: 'failed' }]);
  });

  test('tells by the newest release whether those of GitHub are immutable', async () => {
    const names = ['maker/kept', 'maker/loose', 'maker/empty'];
    const repositories = names.map((name) => ({ name, immutableReleases: name === 'maker/kept' }));
    await using github = await startGithub({ repositories, tokens: { 'a-token-of-a-maker': 'write' } });
    const headers = {
      ...{ authorization: 'Bearer a-token-of-a-maker', 'content-type': 'application/json' },
      ...{ accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28', 'user-agent': 'test' },
    };
    for (const name of ['maker/kept', 'maker/loose']) {
      const body = JSON.stringify({ tag_name: 'demo-v1', name: 'demo-v1' });
      const url = `${github.endpoint}/api/v3/repos/${name}/releases`;
      expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(201);
    }
    const urls = names.map((name) => `github:${name}?endpoint=${github.endpoint}`);
    await using project = await projectWith(...urls);
    const end = await examine(project, {});
    expect(end.code).toBe(0);
    expect(urls.map((url) => end.of(url)[1])).toMatchObject([
      { state: 'ok', facts: { tag: 'demo-v1', immutable: true } },
      { state: 'warning', remedy: expect.stringContaining('turn on immutable releases') as string },
      { state: 'note' },
    ]);
  });

  test('does not wait for a store that does not answer', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    await using project = await projectWith(`http://127.0.0.1:${port}/tools`, 'file:./store');
    const host = createHost({ env: cliEnvironment(project.folder), cwd: project.folder });
    const { verdict, findings } = await examineHost(host, { project: () => openProject(host), deadlineMs: 1000 });
    expect(verdict).toBe('failed');
    const stores = findings.filter(({ group }) => group === 'stores');
    expect(stores[0]).toMatchObject({ state: 'failed', text: 'it did not answer within 1 s' });
    expect(stores[1]).toMatchObject({ state: 'warning', facts: { read: false } });
    server.close();
  });

  test('offline, opens no socket of the internet', withStrace, async () => {
    const stores = ['http://127.0.0.1:1/tools', 's3://bucket?endpoint=http://127.0.0.1:1', 'oci://127.0.0.1:1/x'];
    await using project = await projectWith(...stores, 'github:owner/repository');
    const trace = join(project.folder, 'trace');
    const env = cliEnvironment(project.folder, { ...KEYS, CONTAINER_HOST: 'tcp://127.0.0.1:1' });
    const families = async (...args: readonly string[]): Promise<string> => {
      const words = ['-f', '-qq', '-e', 'trace=socket', '-o', trace, ...TOOLCRIB, ...args];
      await run('strace', words, { cwd: project.folder, env }).catch(() => undefined); // the exit code is told below
      return await readFile(trace, 'utf8');
    };
    const end = await examine(project, { CONTAINER_HOST: 'tcp://127.0.0.1:1' });
    expect(end.code).toBe(9);
    const offline = await toolcrib(['--offline', '--json', 'doctor'], { cwd: project.folder, env });
    expect(offline.code).toBe(0);
    const { findings } = documentOf(offline) as { findings: readonly Finding[] };
    const notes = findings.filter(({ state, text }) => state === 'note' && text.includes('offline'));
    expect(notes.map(({ subject }) => subject)).toEqual(['podman', ...stores, 'github:owner/repository']);
    expect(await families('--offline', 'doctor', '--write-probe')).not.toContain('AF_INET');
    expect(await families('doctor')).toContain('AF_INET');
  });
});

describe('doctor and certificates', () => {
  test('fails for a file of authorities that holds none, and for a proxy that is none', async () => {
    await using project = await projectWith();
    await writeFile(join(project.folder, 'ca.pem'), 'no certificate\n');
    const env = { SSL_CERT_FILE: join(project.folder, 'ca.pem'), https_proxy: 'socks5://user:hunter2@h:1' };
    const end = await examine(project, env);
    expect(end.code).toBe(9);
    expect(end.of('SSL_CERT_FILE')).toMatchObject([{ state: 'failed' }]);
    expect(end.of('proxy')).toMatchObject([{ state: 'failed', remedy: expect.stringContaining('http://') as string }]);
    expect(end.stdout).not.toContain('hunter2');
  });
});
