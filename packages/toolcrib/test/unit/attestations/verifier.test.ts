import { describe, expect, test } from 'vitest';
import type { AttestationFile } from '../../../src/attestations/attestation.ts';
import type { CertifiedSource } from '../../../src/attestations/binding.ts';
import { formatProvenance } from '../../../src/attestations/provenance.ts';
import { createVerifier, type BundleVerdict } from '../../../src/attestations/verifier.ts';
import { digestHex, digestOf } from '../../../src/core/digest.ts';
import { attest, changedStatement, createKey, policyOf, SOURCE, SUBJECT } from './samples.ts';

const alice = createKey();
const mallory = createKey();
const verifier = createVerifier(policyOf({}), { keys: [alice], sigstore: undefined });
const saying = (words: string): unknown => expect.stringContaining(words);
const verdictOf = (...files: readonly AttestationFile[]) => verifier.verify(SUBJECT, files);

describe('the attestation of an artifact', () => {
  test('is missing when there is none of that name', () => {
    expect(verdictOf()).toEqual({ status: 'missing' });
    expect(verdictOf({ ...attest(alice), name: 'sandbox-tools-arm64-any-v2.dsse.json' })).toEqual({
      status: 'missing',
    });
    expect(verdictOf({ ...attest(alice), name: SUBJECT.name })).toEqual({ status: 'missing' });
  });

  test('is verified when a trusted key signed it', () => {
    expect(verdictOf(attest(alice))).toEqual({
      status: 'verified',
      file: `${SUBJECT.name}.dsse.json`,
      signer: `key ${alice.keyid}`,
      source: { ...SOURCE, workflowCommit: null },
    });
  });

  test('is untrusted when nobody signed it whom the policy trusts', () => {
    expect(verdictOf(attest(mallory))).toEqual({
      status: 'untrusted',
      file: `${SUBJECT.name}.dsse.json`,
      reason: `signed by key ${mallory.keyid}; that is none of the trusted keys`,
    });
  });

  test.each([
    ['another version', { name: 'sandbox-tools-amd64-any-v1', digest: SUBJECT.digest }],
    ['another target', { name: 'sandbox-tools-arm64-any-v2', digest: SUBJECT.digest }],
    ['another tool', { name: 'other-tools-amd64-any-v2', digest: SUBJECT.digest }],
    ['other bytes', { name: SUBJECT.name, digest: digestOf('other bytes') }],
  ])('is wrong when it is of %s, whoever signed it', (_, subject) => {
    expect(verdictOf(attest(alice, { subject })).status).toBe('wrong');
    expect(verdictOf(attest(mallory, { subject })).status).toBe('wrong');
  });

  const predicate = (external: object) => ({
    buildDefinition: { buildType: 'urn:toolcrib:build:v1', externalParameters: external },
  });
  const named = { tool: 'sandbox-tools', version: 2, target: 'amd64-any' };
  test.each([
    ['tool', { ...named, tool: 'other-tools' }],
    ['version', { ...named, version: 1 }],
    ['target', { ...named, target: 'amd64' }],
  ])('is wrong when it says another %s beside the right name', (_, external) => {
    const of = (parameters: object) =>
      verdictOf(attest(alice, { statement: changedStatement((it) => (it['predicate'] = predicate(parameters))) }));
    expect(of(named).status).toBe('verified');
    expect(of(external)).toMatchObject({ status: 'wrong', reason: saying('it is of tool') });
  });

  test('is wrong when it names the artifact twice, with two digests', () => {
    const subject = ['a'.repeat(64), digestHex(SUBJECT.digest)].map((sha256) => ({
      name: SUBJECT.name,
      digest: { sha256 },
    }));
    const statement = changedStatement((it) => (it['subject'] = subject));
    expect(verdictOf(attest(alice, { statement })).status).toBe('wrong');
  });

  test.each([
    ['is no attestation', { payloadType: 'application/vnd.toolcrib.revocations.v1+json' }],
    ['is no statement', { statement: '{}' }],
    ['says one thing twice', { statement: formatProvenance(SUBJECT, SOURCE).replace('{', '{"_type":"x",') }],
  ])('is wrong when what is signed %s', (_, what) => {
    expect(verdictOf(attest(alice, what)).status).toBe('wrong');
  });

  test.each(['', '{}', '[]', 'null', '\0', '<html>', '{"payload":1}', '"'.repeat(2_000_000)])(
    'is wrong when it is rubbish: %.20j',
    (text) => {
      for (const suffix of ['.dsse.json', '.sigstore.json']) {
        const file = { name: `${SUBJECT.name}${suffix}`, bytes: Buffer.from(text) };
        expect(verdictOf(file)).toMatchObject({ status: 'wrong', file: file.name });
      }
    },
  );

  test('never verifies with a flipped bit', () => {
    const { name, bytes } = attest(alice);
    const verified: number[] = [];
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 3) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (verdictOf({ name, bytes: flipped }).status === 'verified') verified.push(bit);
    }
    expect(verdictOf({ name, bytes }).status).toBe('verified');
    expect(verified).toEqual([]);
  });

  test('never verifies with the signature of another one', () => {
    const other = attest(alice, { subject: { ...SUBJECT, digest: digestOf('other bytes') } });
    const [mine, theirs] = [attest(alice), other].map(
      ({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>,
    );
    const swapped = {
      name: other.name,
      bytes: Buffer.from(JSON.stringify({ ...mine, signatures: theirs?.['signatures'] })),
    };
    expect(verdictOf(swapped).status).toBe('wrong');
  });
});

describe('where an artifact was built', () => {
  const demanding = (source: object, commit?: string) =>
    createVerifier(policyOf({ source }), { keys: [alice], sigstore: undefined }).verify(SUBJECT, [attest(alice)], {
      commit,
    });
  const { repository, workflow, ref, commit } = SOURCE;

  test('may be demanded, in all parts', () => {
    expect(demanding({ repository, workflow, ref }, commit ?? '').status).toBe('verified');
  });

  test.each([
    ['repository', { repository: 'https://github.com/acme/tools2' }],
    ['repository', { repository: 'https://github.com/acme/tool' }],
    ['workflow', { workflow: '.github/workflows/build-tool-support.yml' }],
    ['ref', { ref: 'refs/heads/mainline' }],
  ])('is wrong with another %s', (part, source) => {
    expect(demanding(source)).toMatchObject({ status: 'wrong', reason: saying(`its ${part} is `) });
  });

  test('is wrong with another commit', () => {
    expect(demanding({}, 'd'.repeat(40))).toMatchObject({
      status: 'wrong',
      reason: saying('its commit'),
    });
  });

  test('is wrong when nobody says what is demanded', () => {
    const none = { repository: null, workflow: null, ref: null, commit: null, run: null };
    const file = attest(alice, { statement: formatProvenance(SUBJECT, none) });
    expect(verdictOf(file).status).toBe('verified');
    for (const source of [{ repository }, { workflow }, { ref }] as object[]) {
      const strict = createVerifier(policyOf({ source }), { keys: [alice], sigstore: undefined });
      expect(strict.verify(SUBJECT, [file])).toMatchObject({
        status: 'wrong',
        reason: saying('not said'),
      });
    }
    expect(verifier.verify(SUBJECT, [file], { commit: 'd'.repeat(40) }).status).toBe('wrong');
  });
});

describe('what a certificate vouches for', () => {
  const issuer = 'https://token.actions.githubusercontent.com';
  const subject = `${SOURCE.repository}/${SOURCE.workflow}@${SOURCE.ref}`;
  const certified: CertifiedSource = {
    repository: SOURCE.repository,
    workflow: SOURCE.workflow,
    ref: SOURCE.ref,
    commit: SOURCE.commit,
    run: SOURCE.run,
  };
  const nothing: CertifiedSource = { repository: null, workflow: null, ref: null, commit: null, run: null };
  const bundle = (statement: string): AttestationFile => ({
    name: `${SUBJECT.name}.sigstore.json`,
    bytes: Buffer.from(
      JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        dsseEnvelope: {
          payloadType: 'application/vnd.in-toto+json',
          payload: Buffer.from(statement).toString('base64'),
        },
      }),
    ),
  });
  const whole = formatProvenance(SUBJECT, SOURCE);
  const judge = ({
    statement = whole,
    source = certified,
    demanded = {},
    commit,
    checked = { status: 'verified', signer: { issuer, subject, source } },
  }: {
    statement?: string;
    source?: CertifiedSource;
    demanded?: object;
    commit?: string;
    checked?: BundleVerdict;
  }) =>
    createVerifier(policyOf({ identities: [{ issuer, subject }], source: demanded }), {
      keys: [],
      sigstore: () => checked,
    }).verify(SUBJECT, [bundle(statement)], { commit });

  test('counts more than what the statement leaves out', () => {
    const silent = { repository: null, workflow: null, ref: null, commit: null, run: null };
    expect(judge({ statement: formatProvenance(SUBJECT, silent) })).toMatchObject({
      status: 'verified',
      source: { ...SOURCE, workflowCommit: null },
    });
  });

  test.each([
    ['repository', { repository: 'https://github.com/mallory/tools' }],
    ['workflow', { workflow: '.github/workflows/other.yml' }],
    ['ref', { ref: 'refs/heads/evil' }],
    ['commit', { commit: 'd'.repeat(40) }],
    ['run', { run: 'https://github.com/acme/tools/actions/runs/43/attempts/1' }],
  ])('is not contradicted by the statement: %s', (part, lie) => {
    const verdict = judge({ statement: formatProvenance(SUBJECT, { ...SOURCE, ...lie }) });
    expect(verdict).toMatchObject({ status: 'wrong', reason: saying(`it says ${part}`) });
  });

  test.each([
    ['repository', { repository: SOURCE.repository }],
    ['workflow', { workflow: SOURCE.workflow }],
    ['ref', { ref: SOURCE.ref }],
  ])('has to say the demanded %s: the word of the signer alone does not do', (part, demanded) => {
    expect(judge({ demanded }).status).toBe('verified');
    expect(judge({ demanded, source: nothing })).toMatchObject({
      status: 'wrong',
      reason: saying(`its ${part} is not said`),
    });
  });

  test('has to say a commit when one is demanded', () => {
    expect(judge({ commit: SOURCE.commit ?? '' }).status).toBe('verified');
    expect(judge({ commit: SOURCE.commit ?? '', source: nothing }).status).toBe('wrong');
    expect(judge({ commit: 'd'.repeat(40) }).status).toBe('wrong');
  });

  test('may be a workflow at another commit than the sources, when the statement names both', () => {
    const promoted = { ...SOURCE, commit: 'e'.repeat(40), workflowCommit: SOURCE.commit };
    const verdict = judge({ statement: formatProvenance(SUBJECT, promoted), commit: 'e'.repeat(40) });
    expect(verdict).toMatchObject({ status: 'verified', source: promoted });
    expect(judge({ statement: formatProvenance(SUBJECT, promoted), commit: SOURCE.commit ?? '' }).status).toBe('wrong');
    const unknown = formatProvenance(SUBJECT, { ...promoted, commit: null });
    expect(judge({ statement: unknown })).toMatchObject({ status: 'verified', source: { commit: null } });
    expect(judge({ statement: unknown, commit: SOURCE.commit ?? '' }).status).toBe('wrong');
  });

  test('is untrusted for another identity, and wrong when it does not hold', () => {
    for (const other of [
      { issuer: 'https://gitlab.com', subject },
      { issuer, subject: `${subject}2` },
    ]) {
      const checked: BundleVerdict = { status: 'verified', signer: { ...other, source: certified } };
      expect(judge({ checked })).toMatchObject({ status: 'untrusted', reason: saying(other.subject) });
    }
    expect(judge({ checked: { status: 'wrong', reason: 'expired' } })).toMatchObject({
      status: 'wrong',
      reason: 'expired',
    });
  });

  test('is untrusted where the policy names no identity, but still has to be of this artifact', () => {
    expect(verdictOf(bundle(whole)).status).toBe('untrusted');
    const other = formatProvenance({ ...SUBJECT, digest: digestOf('other') }, SOURCE);
    expect(verdictOf(bundle(other)).status).toBe('wrong');
  });

  test('counts together with keys: one that is wrong spoils all, else one that verifies suffices', () => {
    const sigstore = (checked: BundleVerdict) =>
      createVerifier(policyOf({ identities: [{ issuer, subject }] }), { keys: [alice], sigstore: () => checked });
    const sound: BundleVerdict = { status: 'verified', signer: { issuer, subject, source: certified } };
    const stranger: BundleVerdict = { status: 'verified', signer: { issuer, subject: 'x', source: certified } };
    const wrong: BundleVerdict = { status: 'wrong', reason: 'expired' };
    const both = (checked: BundleVerdict, file: AttestationFile) =>
      [
        [bundle(whole), file],
        [file, bundle(whole)],
      ].map((files) => sigstore(checked).verify(SUBJECT, files).status);
    expect(both(sound, attest(mallory))).toEqual(['verified', 'verified']);
    expect(both(stranger, attest(alice))).toEqual(['verified', 'verified']);
    expect(both(stranger, attest(mallory))).toEqual(['untrusted', 'untrusted']);
    expect(both(wrong, attest(alice))).toEqual(['wrong', 'wrong']);
    expect(both(sound, attest(alice, { statement: '{}' }))).toEqual(['wrong', 'wrong']);
  });
});
