import { generateKeyPairSync } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { createHost } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { publishRelease } from '../../../src/flows/publish-release.ts';
import { readStatus, type Status } from '../../../src/flows/read-status.ts';
import { publishedVersions } from '../../../src/releases/published-versions.ts';
import { describeStatus } from '../../../src/report/status-text.ts';
import { elfFile } from '../build/elf-file.ts';
import { scratchProject, type ScratchProject } from '../cli/scratch-project.ts';
import { buildRelease, directoryStore, requestOf, temporaryFolder } from './sample-release.ts';
import { publishRelease as publishToStore } from '../../../src/publish/publish-release.ts';

const bytes = elfFile({});
const PUBLIC_KEY = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString();
const name = (version: number): string => `demo-amd64-any-v${version}`;
const claimOf = (version: number): string => `${digestOf(bytes).slice('sha256:'.length)}  ${name(version)}\n`;

/** A project at version 2, whose store holds a claim on `version` and nothing else. */
async function claimedProject(version: number): Promise<ScratchProject> {
  return await scratchProject({
    'toolcrib.json': {
      tool: 'demo',
      targets: ['amd64-any'],
      stores: ['file:store'],
      attestation: { publicKeys: ['key.pub'] },
    },
    'key.pub': PUBLIC_KEY,
    'tool-version.txt': '2\n',
    [`store/demo-v${version}.SHA256SUMS`]: claimOf(version),
  });
}

async function statusOf(project: ScratchProject): Promise<Status> {
  const host = createHost({ env: {}, cwd: project.folder, cacheDirectory: join(project.folder, 'cache') });
  return await readStatus(await openProject(host), host);
}

describe('the status of a claim that was abandoned', () => {
  test('says that publishing completes it, and names the bytes that do, where they lie in the binaries folder', async () => {
    await using project = await claimedProject(2);
    await project.write(`binaries/${name(2)}`, bytes);
    const status = await statusOf(project);
    expect(status.stores).toMatchObject([
      {
        complete: [],
        abandoned: [
          {
            version: 2,
            remedy: 'complete',
            claimed: [name(2)],
            present: [],
            missing: [name(2)],
            here: [join(project.folder, 'binaries', name(2))],
          },
        ],
      },
    ]);
    const text = describeStatus(status);
    expect(text).toContain(`v2 was claimed and never completed; missing: ${name(2)}`);
    expect(text).toContain(`"toolcrib publish --to 'file:store'" completes it`);
  });

  test('is as it says: then there is nothing abandoned any more', async () => {
    await using project = await claimedProject(2);
    await project.write(
      'toolcrib.json',
      JSON.stringify({ tool: 'demo', targets: ['amd64-any'], stores: ['file:store'] }),
    );
    await project.write(`binaries/${name(2)}`, bytes);
    const host = createHost({ env: {}, cwd: project.folder, cacheDirectory: join(project.folder, 'cache') });
    await publishRelease(await openProject(host), host, { to: ['file:store'] });
    expect((await statusOf(project)).stores).toMatchObject([{ complete: [2], abandoned: [] }]);
  });

  test.each([
    ['other bytes lie in the binaries folder', 2, 'x', 'its bytes are not here', 'v3'],
    ['nothing lies there', 2, undefined, 'its bytes are not here', 'v3'],
  ])('says to skip it when %s', async (_, version, content, advice, next) => {
    await using project = await claimedProject(version);
    if (content !== undefined) await project.write(`binaries/${name(version)}`, content);
    const text = describeStatus(await statusOf(project));
    expect(text).toContain(advice);
    expect(text).toContain(next);
  });

  test('says what the version file has to say when it is another version', async () => {
    await using project = await claimedProject(7);
    await project.write(`binaries/${name(7)}`, bytes);
    expect(describeStatus(await statusOf(project))).toContain('where the version file says 7, "toolcrib publish');
  });

  test('says that nothing is to be done when a higher version is published', async () => {
    await using project = await claimedProject(1);
    await project.write(`binaries/${name(1)}`, bytes);
    await project.write('store/demo-v2.SHA256SUMS', claimOf(2));
    await project.write('store/demo-v2.json', '{}');
    const status = await statusOf(project);
    expect(status.stores).toMatchObject([{ complete: [2], abandoned: [{ version: 1, remedy: 'skip' }] }]);
    expect(describeStatus(status)).toContain('v2 is published: it stays as it is');
  });

  test('is told also when the claim cannot be read as such', async () => {
    await using project = await claimedProject(2);
    await rm(join(project.folder, 'store/demo-v2.SHA256SUMS'));
    await project.write('store/demo-v2.SHA256SUMS', 'no sums');
    expect((await statusOf(project)).stores).toMatchObject([
      { abandoned: [{ version: 2, claimed: null, remedy: 'skip' }] },
    ]);
  });
});

describe('the status of attestations', () => {
  test('tells in which stores there is one, where the policy looks at them', async () => {
    await using project = await claimedProject(2);
    expect((await statusOf(project)).targets).toMatchObject([{ attestedIn: [] }]);
    await project.write(`store/${name(2)}.sigstore.json`, '{}');
    const status = await statusOf(project);
    expect(status.targets).toMatchObject([{ attestedIn: ['file:store'] }]);
    expect(describeStatus(status)).toMatch(/TARGET +PIN +ATTESTATION +FROM +WHERE\namd64-any +none +present +nowhere/);
  });

  test('tells nothing where nobody looks at them', async () => {
    await using project = await scratchProject({
      'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: ['file:store'] },
      'tool-version.txt': '2\n',
    });
    const status = await statusOf(project);
    expect(status.targets).toMatchObject([{ attestedIn: null }]);
    expect(describeStatus(status)).not.toContain('ATTESTATION');
  });
});

describe('a draft that has all its files', () => {
  test('is no release before readers are shown it: neither for status nor for a lower version', async () => {
    await using folder = await temporaryFolder();
    const inner = directoryStore(folder.path);
    const store = {
      ...inner,
      guarantee: 'detected' as const,
      list: async (prefix: string, options?: { readonly shown?: boolean }) =>
        (await inner.list(prefix)).filter((file) => options?.shown !== true || !file.includes('v3')),
    };
    const draft = requestOf(store, await buildRelease(folder.path, { version: 3 }), { version: 3 });
    expect(await publishToStore(draft)).toMatchObject({ complete: true, alreadyPublished: false });
    expect(await publishedVersions(store, 'tool')).toMatchObject({
      complete: [],
      abandoned: [{ version: 3, missing: [] }],
    });
    expect(await publishToStore(draft)).toMatchObject({ alreadyPublished: false });
    const lower = requestOf(store, await buildRelease(folder.path, { version: 2 }), { version: 2 });
    expect(await publishToStore(lower)).toMatchObject({ complete: true });
  });
});
