import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import type { Store } from '../../../src/stores/store.ts';
import { openTestStore } from '../../contract/store-oci-client.ts';
import { bytesOf, sourceOf } from '../../contract/store-contract.ts';
import { publishInto, releaseOfSeed, type SampleRelease } from '../../contract/store-release.ts';
import { identityToken, registryAvailable, registryUser, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { startProxy } from '../transfer/proxy-server.ts';

const run = promisify(execFile);
const NAME = 'tool-amd64-v1';

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-oci-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function skopeo(...args: readonly string[]): Promise<string> {
  return (await run('skopeo', args)).stdout;
}

/** What skopeo and others read of an index. */
interface RawIndex {
  readonly artifactType: string;
  readonly manifests: readonly {
    readonly digest: string;
    readonly platform?: object;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

async function verifyFiles(store: Store, { files }: SampleRelease): Promise<void> {
  for (const [name, { digest }] of files) expect(digestOf(await bytesOf(await store.fetch(name)))).toBe(digest);
}

describe('what other tools find in an OCI registry', requireOrSkip(await registryAvailable()), () => {
  const release = releaseOfSeed('one', 3);

  test('is an index that skopeo inspects, with a manifest for each target, and tags that it lists', async () => {
    await using registry = await startRegistry();
    const store = openTestStore(registry.host, 'tools/tool');
    await publishInto(store, release);
    await store.close();
    const where = `docker://${registry.host}/tools/tool`;
    const inspected = JSON.parse(await skopeo('inspect', '--tls-verify=false', `${where}:v3`)) as object;
    expect(inspected).toMatchObject({ Os: 'linux', Layers: [expect.stringMatching(/^sha256:/)] });
    const raw = JSON.parse(await skopeo('inspect', '--raw', '--tls-verify=false', `${where}:v3`)) as RawIndex;
    expect(raw.artifactType).toBe('application/vnd.toolcrib.release.v1+json');
    const titles = raw.manifests.map(({ annotations, platform }) => [
      annotations['org.opencontainers.image.title'],
      platform,
    ]);
    expect(titles).toEqual([
      ['tool-arm64-any-v3', { architecture: 'arm64', os: 'linux' }],
      ['tool-amd64-v3', { architecture: 'amd64', os: 'linux' }],
      ['tool-amd64-musl-v3', { architecture: 'amd64', os: 'linux', variant: 'musl' }],
      ['tool-amd64-v3.dsse.json', undefined],
      ['tool-v3.SHA256SUMS', undefined],
      ['tool-v3.json', undefined],
    ]);
    const { Tags } = JSON.parse(await skopeo('list-tags', '--tls-verify=false', where)) as { Tags: string[] };
    expect(Tags.filter((tag) => !tag.startsWith('sha256-')).sort()).toEqual(['tool-v3.SHA256SUMS', 'v3']);
    for (const [variant, name] of [
      ['', 'tool-amd64-v3'],
      ['musl', 'tool-amd64-musl-v3'],
    ] as const) {
      const chosen = ['--override-arch', 'amd64', '--override-variant', variant, 'copy', '--src-tls-verify=false'];
      await withFolder(async (folder) => {
        await skopeo(...chosen, `${where}:v3`, `dir:${folder}/image`);
        const { stdout } = await run('sha256sum', [
          join(folder, 'image', release.files.get(name)?.digest.slice(7) ?? ''),
        ]);
        expect(`sha256:${stdout.slice(0, 64)}`).toBe(release.files.get(name)?.digest);
      });
    }
  });

  test('is a release that skopeo copies to a directory and to another repository, where our store reads it', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry();
      const store = openTestStore(registry.host, 'tools/tool');
      await publishInto(store, release);
      const from = `docker://${registry.host}/tools/tool:v3`;
      await skopeo('copy', '--all', '--src-tls-verify=false', from, `oci:${folder}/layout:v3`);
      const to = `docker://${registry.host}/mirrored/tool:v3`;
      await skopeo('copy', '--all', '--dest-tls-verify=false', `oci:${folder}/layout:v3`, to);
      const mirrored = openTestStore(registry.host, 'mirrored/tool');
      await verifyFiles(mirrored, release);
      expect(await mirrored.list('tool-')).toEqual([...release.files.keys()].sort());
      expect(await publishInto(mirrored, release)).toBe('complete');
      expect(await publishInto(mirrored, releaseOfSeed('two', 3))).toBe('lost');
      await mirrored.close();
      await store.close();
    }));
});

describe('an OCI store on docker-registry', requireOrSkip(await registryAvailable()), () => {
  test('sends large files in chunks', async () => {
    await using registry = await startRegistry();
    const store = openTestStore(registry.host, 'some/repo', { chunkedFrom: 1_000_000, chunkSize: 700_000 });
    const bytes = Buffer.alloc(2_500_000, 'chunk');
    expect(await store.create(NAME, sourceOf(bytes))).toBe('created');
    expect((await bytesOf(await store.fetch(NAME))).equals(bytes)).toBe(true);
    await store.close();
  });

  test('mounts what another repository of the registry has instead of sending it', async () => {
    await using registry = await startRegistry();
    await using proxy = await startProxy();
    const source = sourceOf(Buffer.alloc(100_000, 'm'));
    const first = openTestStore(registry.host, 'from/tool');
    await first.create(NAME, source);
    await first.close();
    const options = { mountFrom: 'from/tool', proxy: { http: proxy.url } };
    const second = openTestStore(registry.host, 'to/tool', options);
    expect(await second.create(NAME, source)).toBe('created');
    expect(digestOf(await bytesOf(await second.fetch(NAME)))).toBe(source.digest);
    await second.close();
    const uploads = proxy.asked.filter((asked) => asked.includes('/uploads/'));
    expect(
      uploads.filter((asked) => asked.startsWith('POST') && asked.includes(encodeURIComponent(source.digest))),
    ).toHaveLength(1);
    expect(uploads.filter((asked) => asked.startsWith('PUT') && asked.includes(source.digest.slice(7)))).toEqual([]);
  });

  test('keeps attestations under a tag of their artifact, for want of the referrers API', async () => {
    await using registry = await startRegistry();
    const store = openTestStore(registry.host, 'some/repo');
    const release = releaseOfSeed('one', 1);
    await publishInto(store, release);
    const { Tags } = JSON.parse(
      await skopeo('list-tags', '--tls-verify=false', `docker://${registry.host}/some/repo`),
    ) as { Tags: string[] };
    const [tag = ''] = Tags.filter((each) => /^sha256-[0-9a-f]{64}$/.test(each));
    const referrers = JSON.parse(
      await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/some/repo:${tag}`),
    ) as RawIndex;
    expect(referrers.manifests).toMatchObject([{ artifactType: 'application/vnd.dsse.envelope.v1+json' }]);
    await store.close();
  });

  test('is read from a mirror where a rewrite rule names one, and written to at its own address', async () => {
    await using registry = await startRegistry();
    await using mirror = await startRegistry();
    const rewrite = [{ from: `http://${registry.host}`, to: `http://${mirror.host}` }];
    const store = openTestStore(registry.host, 'some/repo', { rewrite });
    const source = sourceOf(Buffer.from('mirrored'));
    expect(await store.create(NAME, source)).toBe('created');
    expect(await store.list('')).toEqual([NAME]);
    expect(await store.fetch(NAME)).toBeUndefined();
    const [from, to] = [registry, mirror].map(({ host }) => `docker://${host}/some/repo:${NAME}`);
    await skopeo('copy', '--src-tls-verify=false', '--dest-tls-verify=false', from ?? '', to ?? '');
    for (const options of [{}, { digest: source.digest }]) {
      const file = await store.fetch(NAME, options);
      expect(file?.url).toContain(`http://${mirror.host}/v2/some/repo/blobs/`);
      expect((await bytesOf(file)).toString()).toBe('mirrored');
    }
    await store.close();
  });
});

/** A folder as `DOCKER_CONFIG` names it. */
async function dockerConfig(folder: string, config: object): Promise<string> {
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  return folder;
}

/** A credential helper on a PATH of its own. */
async function installHelper(folder: string, name: string, script: string): Promise<Record<string, string>> {
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return { PATH: `${folder}:/usr/bin:/bin` };
}

const { name: user, password } = registryUser;
const auth = Buffer.from(`${user}:${password}`).toString('base64');

describe('credentials for an OCI registry', requireOrSkip(await registryAvailable()), () => {
  test.each(['htpasswd', 'token'] as const)('come from the configuration of Docker: %s', (kind) =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: kind });
      const config = await dockerConfig(folder, { auths: { [registry.host]: { auth } } });
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: config } });
      await publishInto(store, releaseOfSeed('one', 1));
      await verifyFiles(store, releaseOfSeed('one', 1));
      await store.close();
    }),
  );

  test.each(['htpasswd', 'token'] as const)('are asked for when there are none, or wrong ones: %s', (kind) =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: kind });
      const wrong = Buffer.from(`${user}:planted-secret`).toString('base64');
      const config = await dockerConfig(folder, { auths: { [`https://${registry.host}/v1/`]: { auth: wrong } } });
      for (const credentials of [{}, { dockerConfig: config }]) {
        const store = openTestStore(registry.host, 'some/repo', { credentials });
        const failure = await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))));
        expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', details: { status: 401 } });
        expect(failure).toMatchObject({ hint: expect.stringContaining('docker login') as string });
        expect(JSON.stringify([String(failure), failure])).not.toContain('planted-secret');
        await store.close();
      }
    }),
  );

  test('are not needed where a token server lets anybody read, and are missed by who writes', async () => {
    await using registry = await startRegistry({ auth: 'token' });
    const store = openTestStore(registry.host, 'public/tool');
    expect(await store.fetch(NAME)).toBeUndefined();
    expect(await store.list('')).toEqual([]);
    const failure = await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))));
    expect(failure).toMatchObject({ code: 'REMOTE_REFUSED', hint: expect.stringContaining('right to push') as string });
    expect(registry.tokenRequests.map(({ scopes }) => scopes)).toContainEqual(['repository:public/tool:pull']);
    await store.close();
  });

  test('that may only read do not publish, and the message names the right', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'token', rights: ['pull'] });
      const config = await dockerConfig(folder, { auths: { [registry.host]: { auth } } });
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: config } });
      expect(await store.fetch(NAME)).toBeUndefined();
      const failure = await failureOf(store.create(NAME, sourceOf(Buffer.from('x'))));
      expect(failure).toMatchObject({
        code: 'REMOTE_REFUSED',
        details: { status: 401, anonymous: false },
        hint: expect.stringContaining('no right to push') as string,
      });
      await store.close();
    }));

  test('may be an identity token, which only the token server sees', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'token' });
      const config = await dockerConfig(folder, { auths: { [registry.host]: { identitytoken: identityToken } } });
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: config } });
      expect(await store.create(NAME, sourceOf(Buffer.from('x')))).toBe('created');
      expect(new Set(registry.tokenRequests.map(({ method }) => method))).toEqual(new Set(['POST']));
      await store.close();
    }));

  test.each(['credHelpers', 'credsStore'])('come from a helper: %s', (key) =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'htpasswd' });
      const answer = JSON.stringify({ ServerURL: registry.host, Username: user, Secret: password });
      const env = await installHelper(
        folder,
        'test',
        `read host; [ "$1 $host" = "get ${registry.host}" ] && echo '${answer}'`,
      );
      const named = key === 'credsStore' ? 'test' : { [registry.host]: 'test' };
      const config = await dockerConfig(folder, { [key]: named, auths: { [registry.host]: {} } });
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: config, env } });
      expect(await store.create(NAME, sourceOf(Buffer.from('x')))).toBe('created');
      await store.close();
    }),
  );

  test.each([
    ['is not installed', undefined, 'CONFIG_INVALID'],
    ['fails', 'echo planted-secret; exit 3', 'REMOTE_REFUSED'],
    ['answers nonsense', 'echo planted-secret', 'REMOTE_REFUSED'],
    ['writes without end', 'exec cat /dev/zero', 'REMOTE_REFUSED'],
    ['never ends', 'sleep 1000 & sleep 1000', 'REMOTE_REFUSED'],
  ])('are told to be missing when the helper %s', (_, script, code) =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'htpasswd' });
      const env = script === undefined ? { PATH: folder } : await installHelper(folder, 'test', script);
      const config = await dockerConfig(folder, { credsStore: 'test' });
      const credentials = { dockerConfig: config, env, helperDeadlineMs: 500 };
      const store = openTestStore(registry.host, 'some/repo', { credentials });
      const failure = await failureOf(store.list(''));
      expect(failure).toMatchObject({ code });
      expect(JSON.stringify([String(failure), failure])).not.toContain('planted-secret');
      await store.close();
    }),
  );

  test('are none when the helper knows none', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'token' });
      const env = await installHelper(folder, 'test', 'echo credentials not found in native keychain; exit 1');
      const config = await dockerConfig(folder, { credsStore: 'test' });
      const store = openTestStore(registry.host, 'public/tool', { credentials: { dockerConfig: config, env } });
      expect(await store.list('')).toEqual([]);
      await store.close();
    }));

  test('are looked for by no program when an abort comes', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'htpasswd' });
      const env = await installHelper(folder, 'test', 'sleep 1000');
      const config = await dockerConfig(folder, { credsStore: 'test' });
      const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: config, env } });
      const reason = new Error('Ctrl-C');
      const controller = new AbortController();
      const listing = failureOf(store.list('', { signal: controller.signal }));
      setTimeout(() => controller.abort(reason), 100);
      expect(await listing).toBe(reason);
      await store.close();
    }));

  test('are not guessed from a configuration that is none', () =>
    withFolder(async (folder) => {
      await using registry = await startRegistry({ auth: 'htpasswd' });
      for (const text of ['{"auths": planted-secret', '[]', '{"auths":{"x":{"auth":5}}}']) {
        await writeFile(join(folder, 'config.json'), text);
        const store = openTestStore(registry.host, 'some/repo', { credentials: { dockerConfig: folder } });
        const failure = await failureOf(store.list(''));
        expect(failure).toMatchObject({ code: 'CONFIG_INVALID' });
        expect(JSON.stringify([String(failure), failure])).not.toContain('planted-secret');
        await store.close();
      }
    }));
});
