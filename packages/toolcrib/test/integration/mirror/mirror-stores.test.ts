import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { signRevocationList } from '../../../src/attestations/revocations.ts';
import { readPrivateKey } from '../../../src/attestations/key-signer.ts';
import { mirrorRelease } from '../../../src/mirror/mirror-release.ts';
import { mirrorRevocations } from '../../../src/mirror/mirror-revocations.ts';
import { readStoredBytes, verifyStoredFile } from '../../../src/releases/stored-file.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import type { Store } from '../../../src/stores/store.ts';
import { openTestStore as openOci } from '../../contract/store-oci-client.ts';
import { openTestStore as openS3, s3Reference } from '../../contract/store-s3-client.ts';
import { registryAvailable, startRegistry } from '../../servers/registry.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { freshBucket, s3Available, s3Server } from '../../servers/s3.ts';
import { openTestHttpStore, startServe } from '../../servers/serve.ts';
import { documentOf, startCli, toolcrib } from '../cli/command-line.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { mirrorRequest, publishSample, sampleSigner, trustIn } from '../../unit/mirror/sample-mirror.ts';
import { directoryStore, temporaryFolder } from '../../unit/publish/sample-release.ts';
import { releasedProject } from '../../unit/bundle/released-project.ts';

const run = promisify(execFile);
const missing = (await s3Available()) ?? (await registryAvailable());

describe('a release that is mirrored from store to store', requireOrSkip(missing), () => {
  test('arrives with the same bytes, through S3, a registry and an HTTP server, and is verified everywhere', async () => {
    await using folder = await temporaryFolder();
    await using bucket = await freshBucket();
    await using registry = await startRegistry();
    await using server = await startServe();
    const { path } = folder;
    const signer = await sampleSigner(path);
    const [first, last] = [directoryStore(path, 'first'), directoryStore(path, 'last')];
    for (const version of [1, 2]) await publishSample(first, path, { version, bytes: 300_000, signer: signer.signer });
    const key = await readPrivateKey(join(path, 'key.pem'));
    const revoked = [{ version: 9, reason: 'it leaks' }];
    const list = { tool: 'tool', issued: '2026-01-01T00:00:00Z', versions: revoked, digests: [] };
    await writeFile(join(path, 'first', 'tool.revoked.json'), signRevocationList(list, key));
    const stores = [
      first,
      openS3(bucket.name),
      openOci(registry.host, 'tools/tool'),
      openTestHttpStore(server.url, server.token),
      last,
    ];
    for (const [index, to] of stores.slice(1).entries()) {
      const from = stores[index] ?? first;
      const stores_ = { from, to };
      const copy = { tool: 'tool', keys: [signer.key], known: [] };
      expect(await mirrorRevocations(from, to, copy)).toMatchObject({ outcome: 'created' });
      expect(await mirrorRevocations(from, to, copy)).toMatchObject({ outcome: 'same' });
      for (const version of [1, 2]) {
        const request = mirrorRequest(stores_, path, { version, trust: trustIn([signer], { require: true }) });
        const report = await mirrorRelease(request);
        expect(report).toMatchObject({ anchor: 'attested', alreadyThere: false });
        expect(new Set(report.files.map(({ outcome }) => outcome))).toEqual(new Set(['created']));
        expect(await mirrorRelease(request)).toMatchObject({ alreadyThere: true });
      }
    }
    const names = await readdir(join(path, 'first'));
    expect(await readdir(join(path, 'last'))).toEqual(names);
    expect(names).toHaveLength(13);
    for (const name of names) {
      expect(await readFile(join(path, 'last', name))).toEqual(await readFile(join(path, 'first', name)));
    }
    await run('sha256sum', ['-c', 'tool-v1.SHA256SUMS', 'tool-v2.SHA256SUMS'], { cwd: join(path, 'last') });
    await Promise.all(stores.map((store) => store.close()));
  });

  test('gets its attestations later, when they were left out because nobody could verify them', async () => {
    await using folder = await temporaryFolder();
    await using bucket = await freshBucket();
    await using registry = await startRegistry();
    await using server = await startServe();
    const { path } = folder;
    const signer = await sampleSigner(path);
    const from = directoryStore(path, 'from');
    await publishSample(from, path, { signer: signer.signer });
    const names = ['tool-amd64-any-v1', 'tool-arm64-any-v1'].map((name) => `${name}.dsse.json`);
    const stores: readonly Store[] = [
      openS3(bucket.name),
      openOci(registry.host, 'tools/tool'),
      openTestHttpStore(server.url, server.token),
    ];
    for (const to of stores) {
      const bare = await mirrorRelease(mirrorRequest({ from, to }, path));
      expect(bare.leftOut).toEqual(names.map((name) => ({ name, reason: 'unchecked' })));
      expect(await readStoredBytes(to, names[0] ?? '')).toBeUndefined();
      const trust = trustIn([signer], { require: true });
      const trusting = await mirrorRelease(mirrorRequest({ from, to }, path, { trust }));
      expect(trusting.files.filter(({ outcome }) => outcome === 'created').map(({ name }) => name)).toEqual(names);
      const onwards = directoryStore(path, `after-${stores.indexOf(to)}`);
      const again = await mirrorRelease(mirrorRequest({ from: to, to: onwards }, path, { trust }));
      expect(again).toMatchObject({ anchor: 'attested', leftOut: [] });
      await to.close();
    }
  });

  test('is refused by each kind of store that holds other bytes under its version', async () => {
    await using folder = await temporaryFolder();
    await using bucket = await freshBucket();
    await using registry = await startRegistry();
    await using server = await startServe();
    const { path } = folder;
    const from = directoryStore(path, 'from');
    await publishSample(from, path);
    const stores: readonly Store[] = [
      openS3(bucket.name),
      openOci(registry.host, 'tools/tool'),
      openTestHttpStore(server.url, server.token),
    ];
    for (const to of stores) {
      const theirs = await publishSample(to, path);
      const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path)));
      expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
      expect((await readRelease(to, { tool: 'tool', version: 1 }))?.sums).toEqual(theirs);
      await to.close();
    }
  });
});

describe('a mirror that is killed', requireOrSkip(missing), () => {
  test('never leaves a part that readers take for the whole, and completes when it is repeated', async () => {
    await using project = await releasedProject({ bytes: 2_000_000 });
    await using bucket = await freshBucket();
    const cwd = project.folder;
    const env = { AWS_ACCESS_KEY_ID: s3Server.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Server.secretAccessKey };
    const steps = ['tool-v1.SHA256SUMS', 'tool-amd64-any-v1', 'tool-arm64-any-v1', 'dsse.json', 'tool-v1.json'];
    for (const [index, step] of steps.entries()) {
      const { url } = s3Reference(bucket.name, { prefix: `run-${index}` });
      const started = startCli(['mirror', 'file:./store', url], { cwd, env });
      await started.said(`copying ${step === 'dsse.json' ? 'tool-amd64-any-v1.dsse.json' : step}`);
      started.process.kill('SIGKILL');
      await started.end;
      const seen = openS3(bucket.name, `run-${index}`);
      const release = await readRelease(seen, { tool: 'tool', version: 1 });
      for (const file of release?.manifest.files ?? []) await verifyStoredFile(seen, file.name, file);
      const again = await toolcrib(['--json', 'mirror', 'file:./store', url], { cwd, env });
      expect(again).toMatchObject({ code: 0 });
      expect(documentOf(again)).toMatchObject({ releases: [{ version: 1, anchor: 'pinned' }] });
      for (const file of (await readRelease(seen, { tool: 'tool', version: 1 }))?.manifest.files ?? []) {
        await verifyStoredFile(seen, file.name, file);
      }
      await seen.close();
      expect(await readdir(join(cwd, 'cache', 'spool'))).toEqual([]);
    }
  });
});

describe('the command', () => {
  test('never freezes a mirror at an older list of revoked releases than the project has', async () => {
    await using project = await releasedProject();
    const { folder } = project;
    await project.write('store/tool.revoked.json', await project.revoke(8));
    await project.write('tool.revoked.json', await project.revoke(8, 9));
    const command = ['--json', 'mirror', 'file:./store', 'file:./other'];
    const refused = await toolcrib(command, { cwd: folder });
    expect(refused.code, refused.stderr).toBe(5);
    expect(documentOf(refused)).toMatchObject({
      error: { code: 'REVOCATIONS_OUTDATED', details: { missing: ['v9'], newer: join(folder, 'tool.revoked.json') } },
    });
    expect(await readdir(join(folder, 'other')).catch(() => [])).toEqual([]);
  });

  test('copies releases into a mirror whose list of revoked releases is older, and exits with 5 until that is replaced', async () => {
    await using project = await releasedProject();
    const { folder } = project;
    await project.write('store/tool.revoked.json', await project.revoke(8, 9));
    await project.write('other/tool.revoked.json', await project.revoke(8));
    const outdated = await toolcrib(['mirror', 'file:./store', 'file:./other'], { cwd: folder });
    expect(outdated.code, outdated.stderr).toBe(5);
    expect(outdated.stdout).toContain('file:./other: tool v1 is complete');
    expect(outdated.stdout).toContain('file:./other has a list of revoked releases that lacks v9');
    expect(outdated.stdout).toContain('put this one over it by hand: file:./store: tool.revoked.json');
    await project.write('other/tool.revoked.json', await project.revoke(8, 9));
    expect((await toolcrib(['mirror', 'file:./store', 'file:./other'], { cwd: folder })).code).toBe(0);
  });

  test('copies every complete version in ascending order, and passes over what was never completed', async () => {
    await using project = await releasedProject({ signed: false });
    const { folder } = project;
    const store = directoryStore(folder);
    for (const version of [2, 3]) await publishSample(store, folder, { version });
    await project.write('store/tool-v4.SHA256SUMS', `${'0'.repeat(64)}  tool-amd64-any-v4\n`);
    const all = await toolcrib(['--json', 'mirror', 'file:./store', 'file:./other', '--all'], { cwd: folder });
    expect(all.code).toBe(0);
    expect(documentOf(all)).toMatchObject({
      tool: 'tool',
      releases: [
        { version: 1, anchor: 'pinned' },
        { version: 2, anchor: 'none' },
        { version: 3, anchor: 'none' },
      ],
      incomplete: [4],
      revocations: { outcome: 'none' },
    });
    const older = await toolcrib(['mirror', 'file:./other', 'file:./third', '--version', '3'], { cwd: folder });
    expect(older.stdout).toContain('consistent, not pinned');
    const lower = await toolcrib(['mirror', 'file:./other', 'file:./third', '--version', '2'], { cwd: folder });
    expect(lower.stdout).toContain('tool v2 is complete (the store has v3 already)');
    const ends = await Promise.all([
      toolcrib(['mirror', 'file:./store', 'file:./fourth', '--version', '4'], { cwd: folder }),
      toolcrib(['mirror', 'file:./store', 'file:./store'], { cwd: folder }),
      toolcrib(['mirror', 'file:./store', 'file:./fourth', '--version', 'x'], { cwd: folder }),
      toolcrib(['mirror', 'file:./store', 'file:./fourth', '--version', '1', '--all'], { cwd: folder }),
      toolcrib(['mirror', 'file:./nothing', 'file:./fourth', '--all'], { cwd: folder }),
    ]);
    expect(ends.map(({ code }) => code)).toEqual([3, 2, 2, 2, 3]);
    expect(await readdir(folder)).not.toContain('fourth');
    const targets = ['amd64-any', 'arm64-any', 'amd64-musl'];
    await project.write('toolcrib.json', JSON.stringify({ tool: 'tool', targets }));
    const less = ['mirror', 'file:./store', 'file:./fourth', '--version', '3'];
    expect((await toolcrib(less, { cwd: folder })).code).toBe(3);
    expect(await readdir(folder)).not.toContain('fourth');
    const partial = await toolcrib([...less, '--partial'], { cwd: folder });
    expect(partial).toMatchObject({ code: 0 });
    expect(partial.stdout).toContain('it lacks amd64-musl, which toolcrib.json names');
  });
});
