import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { hasCode } from '../../../src/core/errors.ts';
import { digestFile } from '../../../src/disk/digest-file.ts';
import { publishRelease } from '../../../src/publish/publish-release.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { sumsOfArtifacts } from '../../../src/publish/release-artifacts.ts';
import { verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { openStore, requestOf } from './release-fixture.ts';

const run = promisify(execFile);
const ROUNDS = 50;
const s3 = requireOrSkip(await s3Available());

const s3Url = (bucket: string): string =>
  `s3://${bucket}?region=us-east-1&endpoint=${s3Server.endpoint}&pathStyle=true`;

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'toolcrib-race-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs the command line of AWS with the keys of the test's server; gives back its stdout. */
async function aws(home: string, ...args: readonly string[]): Promise<string> {
  const keys = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };
  const server = ['--endpoint-url', s3Server.endpoint, '--region', s3Server.region];
  const env = { PATH: '/usr/bin:/bin', HOME: home, ...keys };
  return (await run('/usr/bin/aws', [...server, ...args], { env })).stdout;
}

/** Two publishers with different bytes and clients of their own. */
async function race(storeUrl: string, folder: string): Promise<void> {
  const stores = [openStore(storeUrl), openStore(storeUrl)];
  for (let version = 1; version <= ROUNDS; version += 1) {
    const requests = await Promise.all(
      stores.map((store, index) =>
        requestOf({ store: storeUrl, folder, tool: 'tool', version, seed: `${index}`, bytes: 2000 }, store),
      ),
    );
    const results = await Promise.allSettled(requests.map(publishRelease));
    const winners = results.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []));
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected' && !hasCode(result.reason, 'VERSION_TAKEN')) throw result.reason;
    }
    await verifyWinner(requests[winners[0] ?? -1], version);
  }
  expect((await publishedVersions(openStore(storeUrl), 'tool')).complete).toHaveLength(ROUNDS);
  await Promise.all(stores.map((store) => store.close()));
}

async function verifyWinner(
  request: Awaited<ReturnType<typeof requestOf>> | undefined,
  version: number,
): Promise<void> {
  if (request === undefined) throw new Error('nobody won');
  const release = await readRelease(request.store, { tool: 'tool', version });
  expect(release?.sums).toEqual(new Map([...sumsOfArtifacts(request.artifacts)].sort()));
  for (const file of release?.manifest.files ?? []) await verifyStoredFile(request.store, file.name, file);
}

describe('two publishers with different bytes that race for one version', () => {
  test('leave exactly one complete release in a directory store, fifty times', () =>
    withFolder(async (folder) => {
      await race(`file:${join(folder, 'store')}`, folder);
    }));

  test('leave exactly one complete release in S3, fifty times', s3, () =>
    withFolder(async (folder) => {
      await using bucket = await freshBucket({ publicRead: true });
      await race(s3Url(bucket.name), folder);
    }),
  );

  test('is each artifact as it was published, for "aws s3api get-object" and for curl', s3, () =>
    withFolder(async (folder) => {
      await using bucket = await freshBucket();
      const url = `${s3Url(bucket.name)}&acl=public-read`;
      const store = openStore(url);
      const request = await requestOf(
        { store: url, folder, tool: 'tool', version: 1, seed: 's3api', bytes: 5000 },
        store,
      );
      await publishRelease(request);
      await store.close();
      for (const [name, digest] of sumsOfArtifacts(request.artifacts)) {
        const [byAws, byCurl] = [join(folder, `aws-${name}`), join(folder, `curl-${name}`)];
        const object = ['--bucket', bucket.name, '--key', name];
        await aws(folder, 's3api', 'get-object', ...object, byAws);
        await run('curl', ['-sSf', '--noproxy', '*', '-o', byCurl, `${bucket.url}/${name}`]);
        for (const file of [byAws, byCurl]) expect((await digestFile(file)).digest).toBe(digest);
      }
    }),
  );
});

describe('what other tools find in S3', () => {
  test('is files that "aws s3 sync" brings and "sha256sum -c" accepts', s3, () =>
    withFolder(async (folder) => {
      await using bucket = await freshBucket();
      const url = s3Url(bucket.name);
      const store = openStore(url);
      for (const tool of ['tool', 'other-tool']) {
        for (const version of [1, 2]) {
          await publishRelease(await requestOf({ store: url, folder, tool, version, seed: tool, bytes: 5000 }, store));
        }
      }
      await store.close();
      const cwd = join(folder, 'synced');
      await mkdir(cwd);
      await aws(folder, 's3', 'sync', `s3://${bucket.name}`, cwd, '--only-show-errors');
      const names = await readdir(cwd);
      expect(names).toHaveLength(4 * 5);
      for (const sums of names.filter((name) => name.endsWith('.SHA256SUMS'))) {
        const { stdout } = await run('sha256sum', ['-c', '--strict', sums], { cwd });
        expect(stdout.match(/: OK$/gm)).toHaveLength(3);
      }
    }),
  );
});
