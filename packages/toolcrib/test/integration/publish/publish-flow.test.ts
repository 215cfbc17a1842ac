import { generateKeyPairSync } from 'node:crypto';
import { chmod, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { parseReceipt } from '../../../src/core/receipt.ts';
import type { Notice } from '../../../src/core/reporter.ts';
import { createHost, type Host } from '../../../src/flows/host.ts';
import { openProject } from '../../../src/flows/project.ts';
import { publishRelease, type Publication, type PublishOptions } from '../../../src/flows/publish-release.ts';
import { startFaultyServer } from '../../servers/http.ts';
import { elfFile } from '../../unit/build/elf-file.ts';
import { scratchProject, type ScratchProject } from '../../unit/cli/scratch-project.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';

const NAME = 'demo-amd64-any-v5';
/** Looks like an empty store, and takes nothing. */
const UNWRITABLE = 'file:/proc/toolcrib';
const bytes = elfFile({ versions: [] });

/** A project whose artifact of version 5 is built, for stores `a` and `b`. */
async function builtProject(config: Readonly<Record<string, unknown>> = {}): Promise<ScratchProject> {
  const project = await scratchProject({
    'toolcrib.json': { tool: 'demo', targets: ['amd64-any'], stores: ['file:a', 'file:b'], ...config },
    'tool-version.txt': '5\n',
  });
  await project.write(`binaries/${NAME}`, bytes);
  return project;
}

/** A machine of a test, and what it was told. */
function hostOf(project: ScratchProject, env: Host['env'] = {}): { host: Host; notices: Notice[] } {
  const notices: Notice[] = [];
  const reporter = {
    notice: (notice: Notice) => void notices.push(notice),
    progress: () => ({ advance: () => undefined, end: () => undefined }),
  };
  const host = createHost({ env, cwd: project.folder, reporter, cacheDirectory: join(project.folder, 'cache') });
  return { host: { ...host, clock: { ...host.clock, sleep: () => Promise.resolve() } }, notices };
}

async function publish(
  project: ScratchProject,
  options: PublishOptions = {},
  env: Host['env'] = {},
): Promise<Publication & { readonly warnings: readonly string[] }> {
  const { host, notices } = hostOf(project, env);
  const publication = await publishRelease(await openProject(host), host, options);
  const warnings = notices.flatMap(({ kind, text }) => (kind === 'warning' ? [text] : []));
  return { ...publication, warnings };
}

const filesOf = async (project: ScratchProject, folder: string): Promise<readonly string[]> =>
  (await readdir(join(project.folder, folder)).catch(() => [])).sort();

const sumsOf = async (project: ScratchProject): Promise<string | undefined> =>
  await readFile(join(project.folder, 'SHA256SUMS'), 'utf8').catch(() => undefined);

async function writeKey(project: ScratchProject, name: string): Promise<void> {
  await project.write(name, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await chmod(join(project.folder, name), 0o600);
}

const COMPLETE = [NAME, 'demo-v5.SHA256SUMS', 'demo-v5.json'].sort();

describe('publishing to several stores', () => {
  test('makes the release complete in each, and tells each', async () => {
    await using project = await builtProject();
    const { stores, failure, receipt } = await publish(project);
    expect(failure).toBeNull();
    expect(stores).toMatchObject([
      { store: 'file:a', complete: true, alreadyPublished: false, failure: null },
      { store: 'file:b', complete: true, alreadyPublished: false, failure: null },
    ]);
    expect(receipt?.stores.map(({ outcome }) => outcome)).toEqual(['published', 'published']);
    for (const folder of ['a', 'b']) expect(await filesOf(project, folder)).toEqual(COMPLETE);
  });

  test('checks each before it writes anything: a version that is taken in the second leaves the first alone', async () => {
    await using project = await builtProject();
    await project.write('b/demo-v5.SHA256SUMS', `${'0'.repeat(64)}  ${NAME}\n`);
    const failure = await failureOfAsync(() => publish(project));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(await filesOf(project, 'a')).toEqual([]);
    expect(await sumsOf(project)).toBeUndefined();
  });

  test('checks each before it writes anything: a rollback in the second leaves the first alone', async () => {
    await using project = await builtProject();
    await project.write('b/demo-v6.json', '{}');
    expect(await failureOfAsync(() => publish(project))).toMatchObject({ code: 'ROLLBACK' });
    expect(await filesOf(project, 'a')).toEqual([]);
  });

  test('goes on when one fails: the others have the release, and a repeat completes it', async () => {
    await using project = await builtProject({ stores: [UNWRITABLE, 'file:b'] });
    const first = await publish(project);
    expect(first.failure).toMatchObject({ code: 'STORAGE' });
    expect(first.stores).toMatchObject([
      { store: UNWRITABLE, complete: false, files: [], failure: { code: 'STORAGE' } },
      { store: 'file:b', complete: true, failure: null },
    ]);
    expect(first.receipt?.stores).toEqual([
      { store: UNWRITABLE, outcome: 'failed', error: 'STORAGE' },
      { store: 'file:b', outcome: 'published', error: null },
    ]);
    expect(await filesOf(project, 'b')).toEqual(COMPLETE);
    const again = await publish(project, { to: ['file:a', 'file:b'] });
    expect(again.stores).toMatchObject([
      { complete: true, alreadyPublished: false },
      { complete: true, alreadyPublished: true },
    ]);
  });

  test('gives no receipt when no store has the release', async () => {
    await using project = await builtProject({ stores: [UNWRITABLE] });
    const { receipt, failure } = await publish(project, { receipt: 'receipt.json' });
    expect(receipt).toBeNull();
    expect(failure).toMatchObject({ code: 'STORAGE' });
    expect(await filesOf(project, '.')).not.toContain('receipt.json');
  });
});

describe('the sums file', () => {
  test('is on the disk before any store holds a claim: what was interrupted can be committed', async () => {
    await using project = await builtProject({ stores: [UNWRITABLE] });
    await publish(project);
    expect(await sumsOf(project)).toBe(`${digestOf(bytes).slice('sha256:'.length)}  ${NAME}\n`);
  });

  test.each([{ dryRun: true }, { expectedSums: new Map([[NAME, digestOf(bytes)]]) }])(
    'is left alone with %j',
    async (options) => {
      await using project = await builtProject();
      await publish(project, options);
      expect(await sumsOf(project)).toBeUndefined();
    },
  );
});

describe('a promotion', () => {
  test('publishes what lies in another folder, as another version, with the source that it was given', async () => {
    await using project = await builtProject();
    const name = 'demo-amd64-any-v7';
    await project.write(`downloaded/${name}`, bytes);
    const source = {
      repository: 'https://github.com/o/r',
      workflow: '.github/workflows/promote.yml',
      ref: 'refs/heads/main',
      commit: 'c'.repeat(40),
      run: 'https://github.com/o/r/actions/runs/7',
      date: '2026-01-02T03:04:05Z',
    };
    const { receipt } = await publish(project, {
      action: 'promote',
      binaries: join(project.folder, 'downloaded'),
      version: 7,
      source,
      expectedSums: new Map([[name, digestOf(bytes)]]),
    });
    expect(receipt).toMatchObject({
      action: 'promote',
      version: 7,
      run: source.run,
      source: { repository: source.repository, commit: source.commit, date: source.date, ref: source.ref },
    });
    const manifest: unknown = JSON.parse(await readFile(join(project.folder, 'a/demo-v7.json'), 'utf8'));
    expect(manifest).toMatchObject({ version: 7, source: { commit: source.commit, date: source.date } });
  });

  test('of other bytes than those that were reviewed is refused before anything is asked or written', async () => {
    await using project = await builtProject();
    const expectedSums = new Map([[NAME, digestOf(Buffer.from('reviewed'))]]);
    const failure = await failureOfAsync(() => publish(project, { expectedSums }));
    expect(failure).toMatchObject({ code: 'DIGEST_MISMATCH', details: { different: [NAME] } });
    expect(await filesOf(project, 'a')).toEqual([]);
  });
});

describe('a receipt of a publication', () => {
  test('names the user of the operating system, and in GitHub Actions the actor and the run', async () => {
    await using project = await builtProject();
    const here = await publish(project, { receipt: 'receipt.json' });
    expect(here.receipt).toMatchObject({ actor: { from: 'operating system' }, run: null });
    const file = await readFile(join(project.folder, 'receipt.json'), 'utf8');
    expect(parseReceipt(file, 'receipt.json')).toEqual(here.receipt);
    const actions = {
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTOR: 'octocat',
      GITHUB_SERVER_URL: 'https://github.com',
      GITHUB_REPOSITORY: 'o/r',
      GITHUB_RUN_ID: '42',
      GITHUB_REF: 'refs/heads/main',
    };
    const there = await publish(project, {}, actions);
    expect(there.receipt).toMatchObject({
      actor: { name: 'octocat', from: 'GITHUB_ACTOR' },
      run: 'https://github.com/o/r/actions/runs/42/attempts/1',
      source: { repository: 'https://github.com/o/r', ref: 'refs/heads/main', commit: null },
      stores: [{ outcome: 'already-published' }, { outcome: 'already-published' }],
    });
    const pretended = await publish(project, {}, { GITHUB_ACTOR: 'octocat' });
    expect(pretended.receipt?.actor.from).toBe('operating system');
  });

  test('is added to the step summary of a job', async () => {
    await using project = await builtProject({ stores: ['file:a'] });
    await project.write('summary.md', 'before\n');
    await publish(project, {}, { GITHUB_STEP_SUMMARY: join(project.folder, 'summary.md') });
    const summary = await readFile(join(project.folder, 'summary.md'), 'utf8');
    expect(summary).toMatch(/^before\n### demo v5\n[^]*\| `file:a` \| published \|\n$/);
  });

  test('that cannot be added to the step summary is a warning', async () => {
    await using project = await builtProject();
    const { failure, warnings } = await publish(project, {}, { GITHUB_STEP_SUMMARY: project.folder });
    expect(failure).toBeNull();
    expect(warnings).toEqual([expect.stringContaining('the step summary could not be written')]);
  });

  test('that cannot be written to its file is a failure, of a release that is published', async () => {
    await using project = await builtProject();
    const { failure, stores } = await publish(project, { receipt: 'no/such/folder/receipt.json' });
    expect(failure).toMatchObject({ code: 'STORAGE' });
    expect(stores.every(({ complete }) => complete)).toBe(true);
  });

  test('names the attestations, whose signer is the key that was given', async () => {
    await using project = await builtProject();
    await writeKey(project, 'key.pem');
    const { receipt } = await publish(project, { sign: 'key.pem' });
    expect(receipt?.files).toMatchObject([{ name: NAME, attestation: `${NAME}.dsse.json` }]);
    for (const folder of ['a', 'b']) expect(await filesOf(project, folder)).toContain(`${NAME}.dsse.json`);
    const again = await publish(project, { sign: 'key.pem' });
    expect(again.receipt?.files).toEqual(receipt?.files);
    expect(await readFile(join(project.folder, 'a', `${NAME}.dsse.json`))).toEqual(
      await readFile(join(project.folder, 'b', `${NAME}.dsse.json`)),
    );
  });
});

describe('signing a release', () => {
  /** A project with a private key, and a policy that trusts another one. */
  async function keyedProject(require: boolean): Promise<ScratchProject> {
    const project = await builtProject({ attestation: { require, publicKeys: ['trusted.pem'] } });
    await project.write(
      'trusted.pem',
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }),
    );
    await writeKey(project, 'key.pem');
    return project;
  }

  test('with a key that the policy does not trust is fine where none is required: its own key is believed again', async () => {
    await using project = await keyedProject(false);
    await publish(project, { sign: 'key.pem' });
    expect((await publish(project, { sign: 'key.pem' })).stores).toMatchObject([
      { alreadyPublished: true },
      { alreadyPublished: true },
    ]);
  });

  test('with a key that the policy does not trust is refused where one is required', async () => {
    await using project = await keyedProject(true);
    const failure = await failureOfAsync(() => publish(project, { sign: 'key.pem' }));
    expect(failure).toMatchObject({ code: 'ATTESTATION_UNTRUSTED' });
    expect(await sumsOf(project)).toBeUndefined();
    for (const folder of ['a', 'b']) expect(await filesOf(project, folder)).toEqual([]);
  });

  test('is demanded where it is required, before anything is written', async () => {
    await using project = await keyedProject(true);
    expect(await failureOfAsync(() => publish(project))).toMatchObject({ code: 'ATTESTATION_MISSING' });
    expect(await sumsOf(project)).toBeUndefined();
  });

  test('with a key that is not there says so', async () => {
    await using project = await builtProject();
    expect(await failureOfAsync(() => publish(project, { sign: 'no.pem' }))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('by Sigstore needs the identity of a job', async () => {
    await using project = await builtProject();
    const failure = await failureOfAsync(() => publish(project, { sign: 'sigstore' }));
    expect(failure).toMatchObject({ code: 'USAGE', message: 'there is no identity to sign with' });
    expect(await filesOf(project, 'a')).toEqual([]);
  });
});

describe('telling a URL of a release', () => {
  test('posts the receipt', async () => {
    await using project = await builtProject();
    await using server = await startFaultyServer({}, { '/hook': [{ kind: 'status', status: 204 }] });
    const { failure, warnings } = await publish(project, { notify: [`${server.url}/hook`] });
    expect(failure).toBeNull();
    expect(warnings).toEqual([]);
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/hook', headers: { 'content-type': 'application/json' } },
    ]);
  });

  test('posts to the server that was named: rewrite rules are for files that are fetched', async () => {
    await using server = await startFaultyServer({}, { '/hook': [{ kind: 'status', status: 204 }] });
    await using mirror = await startFaultyServer({}, {});
    await using project = await builtProject({ rewrite: [{ from: `${server.url}/`, to: `${mirror.url}/` }] });
    expect((await publish(project, { notify: [`${server.url}/hook`] })).warnings).toEqual([]);
    expect([server.requests.length, mirror.requests.length]).toEqual([1, 0]);
  });

  test.each([
    ['answers 404', [{ kind: 'status', status: 404 }] as const, 'it answered 404'],
    ['answers 500 for ever', Array(20).fill({ kind: 'status', status: 500 } as const), 'it answered 500'],
    ['breaks off', Array(20).fill({ kind: 'reset' } as const), 'UNREACHABLE'],
  ])('that %s is a warning which shows no more than its origin', async (_, faults, why) => {
    await using project = await builtProject();
    await using server = await startFaultyServer({}, { '/SECRET': [...faults] });
    const { failure, warnings, ...rest } = await publish(project, { notify: [`${server.url}/SECRET?token=SECRET`] });
    expect(failure).toBeNull();
    expect(warnings).toEqual([`${server.url} was not told of this release: ${why}`]);
    expect(JSON.stringify(rest)).not.toContain('SECRET');
  });

  test.each(['http://example.org/SECRET', 'ftp://example.org/SECRET', 'SECRET'])(
    'is refused before anything is published when it is %s, without repeating it',
    async (url) => {
      await using project = await builtProject();
      const failure = await failureOfAsync(() => publish(project, { notify: [url] }));
      expect(failure.code).toBe('USAGE');
      expect(`${failure.message} ${failure.hint ?? ''} ${JSON.stringify(failure.details)}`).not.toContain('SECRET');
      expect(await filesOf(project, 'a')).toEqual([]);
    },
  );

  test('does not happen in a dry run, nor do a receipt and a summary', async () => {
    await using project = await builtProject();
    await using server = await startFaultyServer({}, {});
    const before = await filesOf(project, '.');
    const { receipt } = await publish(
      project,
      { dryRun: true, notify: [`${server.url}/hook`], receipt: 'receipt.json' },
      { GITHUB_STEP_SUMMARY: join(project.folder, 'summary.md') },
    );
    expect(receipt).toBeNull();
    expect(server.requests).toEqual([]);
    expect(await filesOf(project, '.')).toEqual(before);
  });
});
