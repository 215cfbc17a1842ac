import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { printableLines } from '../../../src/core/printable.ts';
import { attest, attestedProject, NAME, newSigner, revocationsFor, SUBJECT } from './attested-project.ts';
import { documentOf, toolcrib, type CliEnd } from './command-line.ts';
import type { ScratchProject } from '../../unit/cli/scratch-project.ts';

const ours = newSigner();
const theirs = newSigner();
const STORED = `store/${NAME}.dsse.json`;

const resolveIn = (project: ScratchProject, ...options: readonly string[]): Promise<CliEnd> =>
  toolcrib([...options, '--json', 'resolve', '--target', 'amd64-any'], { cwd: project.folder });

async function expectRefused(project: ScratchProject, code: string): Promise<void> {
  const end = await resolveIn(project);
  expect(end.code, end.stderr).toBe(5);
  expect(documentOf(end)).toMatchObject({ error: { code } });
}

describe.concurrent('resolve, where an attestation is required,', () => {
  test('gives out an artifact that a trusted key attests, and again from the cache when offline', async () => {
    await using project = await attestedProject(ours, true);
    await project.write(STORED, (await attest(project, ours)).bytes);
    const verified = { status: 'verified', file: `${NAME}.dsse.json` };
    expect(documentOf(await resolveIn(project))).toMatchObject({ tier: 'store', attestation: verified });
    await rm(join(project.folder, 'store'), { recursive: true });
    const offline = await resolveIn(project, '--offline');
    expect(documentOf(offline), offline.stderr).toMatchObject({ tier: 'cache', attestation: verified });
  });

  test('refuses one without an attestation', async () => {
    await using project = await attestedProject(ours, true);
    await expectRefused(project, 'ATTESTATION_MISSING');
  });

  test('refuses one that somebody else attests', async () => {
    await using project = await attestedProject(ours, true);
    await project.write(STORED, (await attest(project, theirs)).bytes);
    await expectRefused(project, 'ATTESTATION_UNTRUSTED');
  });

  test.each([
    ['another version', { ...SUBJECT, name: 'demo-amd64-any-v2' }],
    ['another target', { ...SUBJECT, name: 'demo-arm64-any-v1' }],
    ['another tool', { ...SUBJECT, name: 'other-amd64-any-v1' }],
    ['other bytes', { ...SUBJECT, digest: digestOf('other') }],
  ])('refuses one with the attestation of %s', async (_, subject) => {
    await using project = await attestedProject(ours, true);
    await project.write(STORED, (await attest(project, ours, subject)).bytes);
    await expectRefused(project, 'ATTESTATION_WRONG');
  });

  test('refuses a bundled file with a wrong attestation beside it, and takes one with a right one', async () => {
    await using project = await attestedProject(ours, true);
    await toolcrib(['fetch', '--all'], { cwd: project.folder });
    await project.write(STORED, (await attest(project, ours)).bytes);
    expect((await toolcrib(['fetch', '--all'], { cwd: project.folder })).code).toBe(0);
    expect(documentOf(await resolveIn(project))).toMatchObject({
      tier: 'bundled',
      attestation: { status: 'verified' },
    });
    await project.write(`binaries/${NAME}.dsse.json`, '{}');
    await expectRefused(project, 'ATTESTATION_WRONG');
  });

  test('takes what a store has where the cache has an attestation that does not hold', async () => {
    await using project = await attestedProject(ours, true);
    await project.write(STORED, (await attest(project, ours)).bytes);
    const cached = `cache/v1/attestations/sha256/${SUBJECT.digest.slice('sha256:'.length)}/${NAME}.dsse.json`;
    await project.write(cached, (await attest(project, theirs)).bytes);
    expect((await resolveIn(project, '--offline')).code).toBe(7); // no artifact yet
    expect(documentOf(await resolveIn(project))).toMatchObject({ attestation: { status: 'verified' } });
    expect(documentOf(await resolveIn(project, '--offline'))).toMatchObject({ attestation: { status: 'verified' } });
    await project.write(cached, '{}');
    expect((await resolveIn(project, '--offline')).code).toBe(5);
  });

  test('says offline that it is the network that is missing, not the attestation', async () => {
    await using project = await attestedProject(ours, true);
    await resolveIn(project); // leaves the artifact in the cache, which nobody may use yet
    const end = await resolveIn(project, '--offline');
    expect(end.code).toBe(7);
    expect(documentOf(end)).toMatchObject({ error: { code: 'OFFLINE' } });
  });
});

describe.concurrent('resolve, where an attestation is not required,', () => {
  test('lets one without pass', async () => {
    await using project = await attestedProject(ours, false);
    expect(documentOf(await resolveIn(project))).toMatchObject({ attestation: { status: 'missing' } });
  });

  test("lets somebody else's pass with a warning", async () => {
    await using project = await attestedProject(ours, false);
    await project.write(STORED, (await attest(project, theirs)).bytes);
    const end = await resolveIn(project);
    expect(documentOf(end)).toMatchObject({ attestation: { status: 'untrusted' } });
    expect(end.stderr).toContain('is not trusted');
  });

  test.each([
    ['a name of its key', { payloadType: 'x', payload: '', signatures: [{ keyid: '@', sig: '' }] }],
    ['a type of its payload', { payloadType: '@', payload: '', signatures: [{ sig: '' }] }],
    ['JSON that is none', '@'],
  ])('shows of one that a stranger put beside it nothing that acts: %s', async (_, attestation) => {
    await using project = await attestedProject(ours, false);
    const hostile = 'x\u0007\u001b[2J\u009b1m\u202e\n::error::forged\n##[error]forged';
    const written = typeof attestation === 'string' ? attestation : JSON.stringify(attestation);
    const raw = typeof attestation === 'string' ? hostile : JSON.stringify(hostile).slice(1, -1);
    await project.write(
      STORED,
      written.replace('@', () => raw),
    );
    const env = { GITHUB_ACTIONS: 'true' };
    for (const json of [[], ['--json']]) {
      const end = await toolcrib([...json, 'resolve', '--target', 'amd64-any'], { cwd: project.folder, env });
      expect(end.code).toBe(5);
      const told = end.stderr + end.stdout;
      expect(told).toBe(printableLines(told));
      expect(told).not.toMatch(/^\s*::|##\[/m);
    }
  });

  test('refuses one that does not hold all the same', async () => {
    await using project = await attestedProject(ours, false);
    await project.write(STORED, '{"payloadType":"application/vnd.in-toto+json"}');
    await expectRefused(project, 'ATTESTATION_WRONG');
  });
});

describe.concurrent('resolve and fetch refuse what is revoked', () => {
  const revoked = [{ version: 1, reason: 'leaks memory of the host' }];

  test("by the project's signed list, also from the cache and offline", async () => {
    await using project = await attestedProject(ours, false);
    await resolveIn(project);
    await project.write('demo.revoked.json', revocationsFor('demo', ours, revoked));
    await expectRefused(project, 'REVOKED');
    expect((await resolveIn(project, '--offline')).code).toBe(5);
    const fetched = await toolcrib(['fetch', '--all'], { cwd: project.folder });
    expect(fetched).toMatchObject({ code: 5, stderr: expect.stringContaining('leaks memory of the host') as unknown });
  });

  test("by a store's signed list, before anything is downloaded", async () => {
    await using project = await attestedProject(ours, false);
    await project.write('store/demo.revoked.json', revocationsFor('demo', ours, revoked));
    await expectRefused(project, 'REVOKED');
    await expectRefused(project, 'REVOKED');
  });

  test("by a store's list that was seen once, also when the store takes it back, from the cache, and offline", async () => {
    await using project = await attestedProject(ours, false);
    expect(documentOf(await resolveIn(project))).toMatchObject({ tier: 'store' });
    await using other = await attestedProject(ours, false);
    await other.write('store/demo.revoked.json', revocationsFor('demo', ours, revoked));
    const env = { TOOLCRIB_CACHE_DIR: join(project.folder, 'cache') };
    await rm(join(project.folder, 'cache', 'v1', 'blobs'), { recursive: true });
    expect((await toolcrib(['resolve', '--target', 'amd64-any'], { cwd: other.folder, env })).code).toBe(5);
    await rm(join(other.folder, 'store', 'demo.revoked.json'));
    await expectRefused(project, 'REVOKED');
    expect((await resolveIn(project, '--offline')).code).toBe(5);
  });

  test("by a store's list before packaging, also what is in the cache", async () => {
    await using project = await attestedProject(ours, false);
    expect((await resolveIn(project)).code).toBe(0);
    await project.write('store/demo.revoked.json', revocationsFor('demo', ours, revoked));
    expect((await toolcrib(['fetch', '--all'], { cwd: project.folder })).code).toBe(5);
    await expectRefused(project, 'REVOKED'); // fetch has seen it
  });

  test('and stop at a list that nobody trusted signed', async () => {
    await using project = await attestedProject(ours, false);
    await project.write('demo.revoked.json', revocationsFor('demo', theirs, []));
    await expectRefused(project, 'ATTESTATION_UNTRUSTED');
    await project.write('demo.revoked.json', '{}');
    expect((await resolveIn(project)).code).toBe(4);
  });

  test('but not what another list of that tool is about', async () => {
    await using project = await attestedProject(ours, false);
    await project.write('demo.revoked.json', revocationsFor('demo', ours, [{ version: 2, reason: 'another' }]));
    expect((await resolveIn(project)).code).toBe(0);
  });
});
