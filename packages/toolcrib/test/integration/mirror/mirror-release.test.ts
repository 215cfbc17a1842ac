import { appendFile, chmod, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPrivateKey } from '../../../src/attestations/key-signer.ts';
import { refuseRevoked, signRevocationList } from '../../../src/attestations/revocations.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { formatReleaseManifest, parseReleaseManifest } from '../../../src/core/release.ts';
import { silentReporter, type Notice } from '../../../src/core/reporter.ts';
import { parseTarget } from '../../../src/core/target.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import { mirrorRelease, type MirrorReport } from '../../../src/mirror/mirror-release.ts';
import { mirrorRevocations } from '../../../src/mirror/mirror-revocations.ts';
import type { Store } from '../../../src/stores/store.ts';
import { openTestGithubStore } from '../../contract/store-github-client.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { onePiece } from '../../../src/core/one-piece.ts';
import { directoryStore, temporaryFolder } from '../../unit/publish/sample-release.ts';
import { mirrorRequest, publishSample, sampleSigner, trustIn } from '../../unit/mirror/sample-mirror.ts';

const [AMD64, ARM64] = ['tool-amd64-any-v1', 'tool-arm64-any-v1'];
const FILES = ['tool-v1.SHA256SUMS', AMD64, ARM64, `${AMD64}.dsse.json`, `${ARM64}.dsse.json`, 'tool-v1.json'];

async function scene() {
  const folder = await temporaryFolder();
  const { path } = folder;
  const [from, to] = [directoryStore(path, 'from'), directoryStore(path, 'to')];
  return { path, from, to, signer: await sampleSigner(path), [Symbol.asyncDispose]: folder[Symbol.asyncDispose] };
}

const outcomes = (report: MirrorReport): readonly string[] =>
  report.files.map(({ role, name, outcome }) => `${outcome} ${role} ${name}`);

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/** Changes what a directory store holds, behind its back. */
async function tamper(path: string, content: string): Promise<void> {
  await chmod(path, 0o644);
  await writeFile(path, content);
}

/** A store that fails before it creates one of the files, or gives out other bytes of it. */
function faulty(store: Store, { failAt, lieAbout }: { failAt?: string; lieAbout?: string }): Store {
  return {
    ...store,
    async create(name, source, options) {
      if (name === failAt) throw new Error(`the power went out before ${name}`);
      return await store.create(name, source, options);
    },
    async fetch(name, options) {
      const file = await store.fetch(name, options);
      if (file === undefined || name !== lieAbout) return file;
      for await (const _piece of file.bytes) break; // frees what is behind it
      return { ...file, bytes: onePiece(Buffer.alloc(1000, 'lie')) };
    },
  };
}

describe('a mirrored release', () => {
  test('has every file of the other with the same bytes, the claim created first and the manifest last', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    const report = await mirrorRelease(mirrorRequest({ from, to }, path, { trust: trustIn([signer]) }));
    expect(report.files).toEqual([
      { name: FILES[0], role: 'claim', outcome: 'created' },
      ...[1, 2].map((index) => ({ name: FILES[index], role: 'artifact', outcome: 'created' })),
      ...[3, 4].map((index) => ({ name: FILES[index], role: 'attestation', outcome: 'created' })),
      { name: FILES[5], role: 'manifest', outcome: 'created' },
    ]);
    expect(report).toMatchObject({
      tool: 'tool',
      version: 1,
      anchor: 'attested',
      alreadyThere: false,
      highest: null,
      leftOut: [],
    });
    expect(await namesIn(join(path, 'to'))).toEqual([...FILES].sort());
    for (const name of FILES) {
      expect(await readFile(join(path, 'to', name))).toEqual(await readFile(join(path, 'from', name)));
    }
    expect(await namesIn(join(path, 'spool'))).toEqual([]);
  });

  test('is the same when it is mirrored again, and nothing of it is downloaded', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    await mirrorRelease(mirrorRequest({ from, to }, path));
    await rm(join(path, 'from', AMD64));
    const again = await mirrorRelease(mirrorRequest({ from, to }, path));
    expect(new Set(again.files.map(({ outcome }) => outcome))).toEqual(new Set(['same']));
    expect(again.alreadyThere).toBe(true);
  });

  test.each(['tool-v1.SHA256SUMS', AMD64, `${ARM64}.dsse.json`, 'tool-v1.json'])(
    'is never complete before, and completed by a repetition, when the first attempt ended at %s',
    async (failAt) => {
      await using scene_ = await scene();
      const { path, from, to, signer } = scene_;
      await publishSample(from, path, signer);
      const broken = faulty(to, { failAt });
      const trust = trustIn([signer]);
      await expect(mirrorRelease(mirrorRequest({ from, to: broken }, path, { trust }))).rejects.toThrow(
        'the power went out',
      );
      expect(await readRelease(to, { tool: 'tool', version: 1 })).toBeUndefined();
      expect(await namesIn(join(path, 'spool'))).toEqual([]);
      const report = await mirrorRelease(mirrorRequest({ from, to }, path, { trust }));
      expect(outcomes(report).findIndex((text) => text.startsWith('created'))).toBe(FILES.indexOf(failAt));
      expect(await namesIn(join(path, 'to'))).toEqual([...FILES].sort());
    },
  );

  test('may be older than what the other store has: it is nothing new', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    for (const version of [1, 2, 3]) await publishSample(from, path, { version });
    await mirrorRelease(mirrorRequest({ from, to }, path, { version: 3 }));
    const report = await mirrorRelease(mirrorRequest({ from, to }, path, { version: 1 }));
    expect(report).toMatchObject({ version: 1, highest: 3, alreadyThere: false });
    expect(await readRelease(to, { tool: 'tool', version: 1 })).toBeDefined();
  });
});

describe('a release is not mirrored', () => {
  test('over other bytes: the version is taken, and nothing is written', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    await publishSample(to, path);
    const before = await namesIn(join(path, 'to'));
    const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path)));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN', details: { different: [AMD64, ARM64] } });
    expect(await namesIn(join(path, 'to'))).toEqual(before);
  });

  test('when it is not complete, or not there', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    await rm(join(path, 'from', 'tool-v1.json'));
    const claimed = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path)));
    expect(claimed).toMatchObject({ code: 'NOT_FOUND', details: { claimed: true } });
    const absent = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path, { version: 7 })));
    expect(absent).toMatchObject({ code: 'NOT_FOUND', details: { claimed: false } });
    expect(await namesIn(join(path, 'to'))).toEqual([]);
  });

  test('when an artifact is not what the stored sums say: it is not created, and the release stays incomplete', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    await tamper(join(path, 'from', ARM64), 'x'.repeat(1000));
    const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path)));
    expect(failure).toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect(failure.message).toContain(ARM64);
    expect(await namesIn(join(path, 'to'))).toEqual([AMD64, FILES[0]]);
    expect(await namesIn(join(path, 'spool'))).toEqual([]);
  });

  test('when its manifest contradicts its stored sums, or names a file that is gone', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    await cp(join(path, 'from'), join(path, 'copy'), { recursive: true });
    const copy = directoryStore(path, 'copy');
    await rm(join(path, 'copy', `${AMD64}.dsse.json`));
    const gone = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from: copy, to }, path)));
    expect(gone).toMatchObject({ code: 'MALFORMED', details: { missing: [`${AMD64}.dsse.json`] } });
    await chmod(join(path, 'from', 'tool-v1.SHA256SUMS'), 0o644);
    await appendFile(join(path, 'from', 'tool-v1.SHA256SUMS'), `${'0'.repeat(64)}  tool-amd64-musl-v1\n`);
    const contradiction = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path)));
    expect(contradiction.message).toContain('contradicts its stored sums in tool-amd64-musl-v1');
    expect(await namesIn(join(path, 'to'))).toEqual([]);
  });

  test('when the store gives back other bytes than it was given', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    const liar = faulty(to, { lieAbout: AMD64 });
    await expect(mirrorRelease(mirrorRequest({ from, to: liar }, path))).rejects.toMatchObject({
      code: 'DIGEST_MISMATCH',
    });
    expect(await readRelease(to, { tool: 'tool', version: 1 })).toBeUndefined();
  });

  test('when the store says that another publisher was first, though what it has is the copy: repeat it', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    const confused: Store = { ...to, complete: () => Promise.resolve('lost') };
    const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to: confused }, path)));
    expect(failure).toMatchObject({ code: 'VERSION_TAKEN' });
    expect(failure.message).toContain('says that another publisher completed tool v1');
    expect(failure.hint).toContain('repeat the command');
  });

  test('that nobody pinned when it lacks a target of the project, unless fewer were asked for', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const sums = await publishSample(from, path, signer);
    const targets = ['amd64-any', 'arm64-any', 'amd64-musl'].map(parseTarget);
    const pins = { tool: 'tool', version: 2, targets, sums: new Map(), sumsFile: 'SHA256SUMS' };
    const trust = trustIn([signer], { require: true, pins });
    const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path, { trust })));
    expect(failure).toMatchObject({ code: 'NOT_FOUND', details: { missing: ['amd64-musl'] } });
    expect(await namesIn(join(path, 'to'))).toEqual([]);
    const partial = mirrorRequest({ from, to }, path, { trust, partial: true });
    expect(await mirrorRelease(partial)).toMatchObject({ anchor: 'attested', missingTargets: ['amd64-musl'] });
    const pinned = { ...trust, pins: { ...pins, version: 1, sums } };
    const whole = await mirrorRelease(mirrorRequest({ from, to }, path, { trust: pinned }));
    expect(whole).toMatchObject({ anchor: 'pinned', missingTargets: [] });
  });

  test('when the project pins other digests for that version', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    const sums = await publishSample(from, path);
    const pins = (of: typeof sums) => ({ tool: 'tool', version: 1, targets: [], sums: of, sumsFile: 'SHA256SUMS' });
    const others = new Map([...sums, [AMD64, digestOf('other')]] as [string, ReturnType<typeof digestOf>][]);
    const wrong = mirrorRequest({ from, to }, path, { trust: trustIn([], { pins: pins(others) }) });
    const failure = await failureOfAsync(() => mirrorRelease(wrong));
    expect(failure).toMatchObject({ code: 'DIGEST_MISMATCH', details: { different: [AMD64] } });
    expect(await namesIn(join(path, 'to'))).toEqual([]);
    const right = mirrorRequest({ from, to }, path, { trust: trustIn([], { pins: pins(sums) }) });
    expect(await mirrorRelease(right)).toMatchObject({ anchor: 'pinned' });
  });
});

describe('attestations on their way', () => {
  test('make a release that nobody pinned trustworthy when the policy trusts who signed', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    const report = await mirrorRelease(mirrorRequest({ from, to }, path, { trust: trustIn([signer]) }));
    expect(report.anchor).toBe('attested');
    expect(report.artifacts).toEqual([
      expect.objectContaining({ name: AMD64, attestation: 'verified', signer: `key ${signer.key.keyid}` }),
      expect.objectContaining({ name: ARM64, attestation: 'verified' }),
    ]);
  });

  test('that are missing, untrusted and wrong are three results', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const other = await sampleSigner(path, 'other.pem');
    const unsigned = directoryStore(path, 'unsigned');
    await publishSample(unsigned, path);
    await publishSample(from, path, signer);
    const refusal = async (store: Store, require: boolean, trusted = signer) => {
      const trust = trustIn([trusted], { require });
      return (await failureOfAsync(() => mirrorRelease(mirrorRequest({ from: store, to }, path, { trust })))).code;
    };
    expect(await refusal(unsigned, true)).toBe('ATTESTATION_MISSING');
    expect(await refusal(from, true, other)).toBe('ATTESTATION_UNTRUSTED');
    const swapped = await readFile(join(path, 'from', `${ARM64}.dsse.json`), 'utf8');
    await tamper(join(path, 'from', `${AMD64}.dsse.json`), swapped);
    expect(await refusal(from, false)).toBe('ATTESTATION_WRONG');
    expect(await namesIn(join(path, 'to'))).toEqual([]);
  });

  test('that the policy does not verify stay out of a write-once store, and the report says which and why', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const other = await sampleSigner(path, 'other.pem');
    await publishSample(from, path, signer);
    const unchecked = await mirrorRelease(mirrorRequest({ from, to }, path));
    const names = [`${AMD64}.dsse.json`, `${ARM64}.dsse.json`];
    expect(unchecked.leftOut).toEqual(names.map((name) => ({ name, reason: 'unchecked' })));
    expect(await namesIn(join(path, 'to'))).toEqual(FILES.filter((name) => !names.includes(name)).sort());
    const untrusted = await mirrorRelease(mirrorRequest({ from, to }, path, { trust: trustIn([other]) }));
    expect(untrusted).toMatchObject({ anchor: 'none', artifacts: [{ attestation: 'untrusted' }, {}] });
    expect(untrusted.leftOut).toEqual(names.map((name) => ({ name, reason: 'untrusted' })));
    const third = directoryStore(path, 'third');
    await expect(mirrorRelease(mirrorRequest({ from: to, to: third }, path))).resolves.toMatchObject({ leftOut: [] });
    const later = await mirrorRelease(mirrorRequest({ from, to }, path, { trust: trustIn([signer]) }));
    expect(outcomes(later)).toEqual(expect.arrayContaining(names.map((name) => `created attestation ${name}`)));
  });

  test('that nobody verified are copied by who asks for it, but never one that the policy finds wrong', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    const more = { unverifiedAttestations: true };
    const report = await mirrorRelease(mirrorRequest({ from, to }, path, more));
    expect(report.leftOut).toEqual([]);
    expect(await namesIn(join(path, 'to'))).toEqual([...FILES].sort());
    await tamper(join(path, 'from', `${AMD64}.dsse.json`), '{}');
    const trusting = mirrorRequest({ from, to }, path, { ...more, trust: trustIn([signer]) });
    expect(await failureOfAsync(() => mirrorRelease(trusting))).toMatchObject({ code: 'ATTESTATION_WRONG' });
  });

  test('of which the store has another stay as they are there, unless they are wrong', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const other = await sampleSigner(path, 'other.pem');
    await publishSample(from, path, signer);
    await mirrorRelease(mirrorRequest({ from, to }, path, { trust: trustIn([signer]) }));
    const name = `${AMD64}.dsse.json`;
    const digest = digestOf(await readFile(join(path, 'to', AMD64)));
    const source = { repository: null, workflow: null, ref: null, commit: null, run: null };
    const second = await other.signer.sign({ name: AMD64, digest }, source);
    await tamper(join(path, 'to', name), Buffer.from(second.bytes).toString());
    const both = mirrorRequest({ from, to }, path, { trust: trustIn([signer, other]) });
    expect(outcomes(await mirrorRelease(both))).toContain(`kept attestation ${name}`);
    await tamper(join(path, 'to', name), '{}');
    expect(await failureOfAsync(() => mirrorRelease(both))).toMatchObject({ code: 'ATTESTATION_WRONG' });
  });
});

describe('a manifest that nobody signed', () => {
  test('and that names another commit than the attestations is told of, not refused: so is what was interrupted', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await publishSample(from, path, signer);
    const manifest = join(path, 'from', 'tool-v1.json');
    const { source, ...rest } = parseReleaseManifest(await readFile(manifest, 'utf8'), manifest);
    expect(source.commit).not.toBeNull();
    await tamper(manifest, formatReleaseManifest({ ...rest, source: { ...source, commit: 'f'.repeat(40) } }));
    const notices: Notice[] = [];
    const reporter = { ...silentReporter, notice: (notice: Notice) => void notices.push(notice) };
    const trust = trustIn([signer], { reporter });
    await mirrorRelease(mirrorRequest({ from, to }, path, { trust }));
    const warnings = notices.filter(({ kind }) => kind === 'warning');
    expect(warnings).toMatchObject([{ hint: 'nobody signed the manifest: believe the attestation' }]);
    expect(warnings[0]?.text).toContain(`says commit "${'f'.repeat(40)}", but the attestation of ${AMD64}`);
  });
});

describe('a revoked release', () => {
  test('is refused by its version and by the digest of one artifact', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    const sums = await publishSample(from, path);
    const list = { tool: 'tool', issued: '2026-01-01T00:00:00Z', versions: [], digests: [] };
    const byVersion = { ...list, versions: [{ version: 1, reason: 'leaks memory' }] };
    const byDigest = { ...list, digests: [{ digest: sums.get(ARM64) ?? digestOf(''), reason: 'leaks memory' }] };
    for (const list_ of [byVersion, byDigest]) {
      const each = { list: list_, where: 'list', keyid: 'a key' };
      const trust = trustIn([], {
        revocations: { refuse: (subject) => refuseRevoked([each], subject), lists: () => [each] },
      });
      const failure = await failureOfAsync(() => mirrorRelease(mirrorRequest({ from, to }, path, { trust })));
      expect(failure).toMatchObject({ code: 'REVOKED', details: { reason: 'leaks memory' } });
    }
    expect(await namesIn(join(path, 'to'))).toEqual([]);
  });
});

describe('a list of revoked releases', () => {
  const revoking = (...versions: readonly number[]) => ({
    tool: 'tool',
    issued: '2026-01-01T00:00:00Z',
    versions: versions.map((version) => ({ version, reason: 'leaks memory' })),
    digests: [],
  });
  const ended = (outcome: string) => ({ outcome, missing: [], replacement: null });

  test('that a key of the policy signed is mirrored, and never replaced, but what the older one lacks is told', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const copy = { tool: 'tool', keys: [signer.key], known: [] };
    const key = await readPrivateKey(join(path, 'key.pem'));
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('none'));
    await publishSample(from, path);
    const first = signRevocationList(revoking(1), key);
    await writeFile(join(path, 'from', 'tool.revoked.json'), first);
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('created'));
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('same'));
    await writeFile(join(path, 'from', 'tool.revoked.json'), signRevocationList(revoking(1, 2), key));
    expect(await mirrorRevocations(from, to, copy)).toEqual({
      outcome: 'outdated',
      missing: ['v2'],
      replacement: 'file:from: tool.revoked.json',
    });
    expect(await readFile(join(path, 'to', 'tool.revoked.json'))).toEqual(Buffer.from(first));
  });

  test('is compared with every list that is known, also where the source gives none', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const key = await readPrivateKey(join(path, 'key.pem'));
    await publishSample(from, path);
    const project = { list: revoking(1, 9), where: '/p/tool.revoked.json', keyid: signer.key.keyid };
    const copy = { tool: 'tool', keys: [signer.key], known: [project] };
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('none'));
    await publishSample(to, path);
    await writeFile(join(path, 'to', 'tool.revoked.json'), signRevocationList(revoking(1), key));
    const outdated = { outcome: 'outdated', missing: ['v9'], replacement: project.where };
    expect(await mirrorRevocations(from, to, copy)).toEqual(outdated);
    // Of two lists that grew apart, none can replace the other.
    const apart = { list: revoking(2), where: 'elsewhere', keyid: 'another' };
    expect(await mirrorRevocations(from, to, { ...copy, known: [project, apart] })).toEqual({
      ...outdated,
      missing: ['v9', 'v2'],
      replacement: null,
    });
    await writeFile(join(path, 'to', 'tool.revoked.json'), signRevocationList(revoking(9, 1), key));
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('kept'));
  });

  test('never reaches a write-once store in an older edition than one that is known', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    const key = await readPrivateKey(join(path, 'key.pem'));
    await publishSample(from, path);
    await writeFile(join(path, 'from', 'tool.revoked.json'), signRevocationList(revoking(1), key));
    const digest = digestOf('an artifact');
    const newer = { ...revoking(1, 9), digests: [{ digest, reason: 'built on a broken host' }] };
    const known = [{ list: newer, where: '/p/tool.revoked.json', keyid: signer.key.keyid }];
    const copy = { tool: 'tool', keys: [signer.key], known };
    expect(await failureOfAsync(() => mirrorRevocations(from, to, copy))).toMatchObject({
      code: 'REVOCATIONS_OUTDATED',
      details: { missing: ['v9', digest], newer: '/p/tool.revoked.json' },
      hint: expect.stringContaining('/p/tool.revoked.json') as unknown,
    });
    expect(await namesIn(join(path, 'to'))).toEqual([]);
    await writeFile(join(path, 'from', 'tool.revoked.json'), signRevocationList(newer, key));
    expect(await mirrorRevocations(from, to, copy)).toEqual(ended('created'));
  });

  test('that nobody can verify, or that somebody else signed, never gets into a write-once store', async () => {
    await using scene_ = await scene();
    const { path, from, to, signer } = scene_;
    await sampleSigner(path, 'other.pem');
    const forged = signRevocationList(revoking(1), await readPrivateKey(join(path, 'other.pem')));
    await publishSample(from, path);
    await writeFile(join(path, 'from', 'tool.revoked.json'), forged);
    expect(await mirrorRevocations(from, to, { tool: 'tool', keys: [], known: [] })).toEqual(ended('unverified'));
    expect(await namesIn(join(path, 'to'))).toEqual([]);
    const copying = failureOfAsync(() => mirrorRevocations(from, to, { tool: 'tool', keys: [signer.key], known: [] }));
    expect(await copying).toMatchObject({ code: 'ATTESTATION_UNTRUSTED' });
    const asked = { tool: 'tool', keys: [signer.key], known: [], unverified: true };
    expect(await failureOfAsync(() => mirrorRevocations(from, to, asked))).toEqual(await copying);
    expect(await namesIn(join(path, 'to'))).toEqual([]);
  });

  test('that nobody can verify is copied by who asks for it', async () => {
    await using scene_ = await scene();
    const { path, from, to } = scene_;
    await publishSample(from, path);
    await writeFile(join(path, 'from', 'tool.revoked.json'), 'whatever it is');
    const asked = { tool: 'tool', keys: [], known: [], unverified: true };
    expect(await mirrorRevocations(from, to, asked)).toEqual(ended('created'));
    expect(await readFile(join(path, 'to', 'tool.revoked.json'), 'utf8')).toBe('whatever it is');
    expect(await mirrorRevocations(from, to, asked)).toEqual(ended('same'));
    await writeFile(join(path, 'from', 'tool.revoked.json'), 'something else');
    expect(await mirrorRevocations(from, to, asked)).toEqual(ended('kept'));
  });

  test('is passed over where a store holds files of releases only, as GitHub does', async () => {
    await using scene_ = await scene();
    const { path, from, signer } = scene_;
    await publishSample(from, path);
    const list = signRevocationList(revoking(1), await readPrivateKey(join(path, 'key.pem')));
    await writeFile(join(path, 'from', 'tool.revoked.json'), list);
    // Nothing listens there: a store that were asked for anything would fail.
    const github = openTestGithubStore('http://127.0.0.1:9');
    const copy = { tool: 'tool', keys: [signer.key], known: [] };
    expect(await mirrorRevocations(from, github, copy)).toEqual(ended('unsupported'));
    await github.close();
  });
});
