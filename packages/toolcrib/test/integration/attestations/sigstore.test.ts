import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttestationFile } from '../../../src/attestations/attestation.ts';
import { createSigstoreCheck } from '../../../src/attestations/sigstore-check.ts';
import { openSigstoreSigner } from '../../../src/attestations/sigstore-signer.ts';
import { createVerifier } from '../../../src/attestations/verifier.ts';
import type { AttestationPolicy } from '../../../src/config/config.ts';
import { digestOf } from '../../../src/core/digest.ts';
import {
  CLAIMS,
  COMMIT,
  identityToken,
  ISSUER,
  REF,
  REPOSITORY,
  RUN,
  startSigstore,
  SUBJECT as SIGNER,
  WORKFLOW,
  type SigstoreInstance,
  type SigstoreOptions,
} from '../../servers/sigstore.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { policyOf, SUBJECT } from '../../unit/attestations/samples.ts';

const SOURCE = { repository: REPOSITORY, workflow: WORKFLOW, ref: REF, commit: COMMIT, run: RUN };
const IDENTITIES = [{ issuer: ISSUER, subject: SIGNER }];

const saying = (words: string): unknown => expect.stringContaining(words);

/** What a project makes of attestations that trusts this instance. */
function verifierOf({ trustedRoot }: SigstoreInstance, policy: Partial<AttestationPolicy> = {}) {
  const opened = createSigstoreCheck(trustedRoot, 'trusted_root.json').then((check) =>
    createVerifier(policyOf({ identities: IDENTITIES, ...policy }), { keys: [], sigstore: check }),
  );
  return async (file: AttestationFile, options: { commit?: string; subject?: typeof SUBJECT } = {}) =>
    (await opened).verify(options.subject ?? SUBJECT, [file], options);
}

/** A prime, so that each bit of a byte has its turn; all bits would take minutes. */
const FLIP_EVERY = 263;

let sigstore: SigstoreInstance;
let attestation: AttestationFile;
beforeAll(async () => {
  sigstore = await startSigstore();
  attestation = await sigstore.signer({ timestamps: true }).sign(SUBJECT, SOURCE);
});
afterAll(() => sigstore[Symbol.asyncDispose]());

/** The bundle after a change of its JSON. */
function changed(change: (bundle: Bundle) => void, file: AttestationFile = attestation): AttestationFile {
  const bundle = parse(file);
  change(bundle);
  return { name: file.name, bytes: Buffer.from(JSON.stringify(bundle)) };
}

interface LogEntry {
  integratedTime?: string;
  inclusionPromise?: unknown;
  inclusionProof?: { treeSize?: string };
  canonicalizedBody: string;
}

interface Bundle {
  mediaType: string;
  dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string; keyid?: string }[] };
  verificationMaterial: {
    certificate: { rawBytes: string };
    tlogEntries: LogEntry[];
    timestampVerificationData?: { rfc3161Timestamps: { signedTimestamp: string }[] };
  };
}

function parse({ bytes }: AttestationFile): Bundle {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Bundle;
}

describe('an attestation that Sigstore certified', () => {
  test('is a bundle v0.3 of one envelope, and verifies', async () => {
    expect([attestation.name, parse(attestation).mediaType]).toEqual([
      `${SUBJECT.name}.sigstore.json`,
      'application/vnd.dev.sigstore.bundle.v0.3+json',
    ]);
    expect(await verifierOf(sigstore)(attestation)).toEqual({
      status: 'verified',
      file: attestation.name,
      signer: `${SIGNER} (certified for ${ISSUER})`,
      source: { ...SOURCE, workflowCommit: null },
    });
  });

  test('needs no timestamp authority besides the log', async () => {
    const file = await sigstore.signer().sign(SUBJECT, SOURCE);
    expect(parse(file).verificationMaterial.timestampVerificationData?.rfc3161Timestamps ?? []).toEqual([]);
    expect((await verifierOf(sigstore)(file)).status).toBe('verified');
  });

  test('may have its time from an authority, where the log gives none', async () => {
    await using logOnly = await startSigstore({ promises: false });
    const timed = await logOnly.signer({ timestamps: true }).sign(SUBJECT, SOURCE);
    expect((await verifierOf(logOnly)(timed)).status).toBe('verified');
    const timeless = await logOnly.signer().sign(SUBJECT, SOURCE);
    expect(await verifierOf(logOnly)(timeless)).toMatchObject({ status: 'wrong', reason: saying('timestamps') });
  });

  test.each<[string, Partial<AttestationPolicy>, string]>([
    ['another issuer', { identities: [{ issuer: 'https://gitlab.com', subject: SIGNER }] }, 'untrusted'],
    ['another subject', { identities: [{ issuer: ISSUER, subject: `${SIGNER}-2` }] }, 'untrusted'],
    ['the beginning of the subject', { identities: [{ issuer: ISSUER, subject: REPOSITORY }] }, 'untrusted'],
    ['a pattern without anchors', { identities: [{ issuer: ISSUER, subject: '.*' }] }, 'untrusted'],
    [
      'an anchored pattern of others',
      { identities: [{ issuer: ISSUER, subject: '^https://github\\.com/acme/[^/]+$' }] },
      'untrusted',
    ],
    [
      'an anchored pattern',
      { identities: [{ issuer: ISSUER, subject: '^https://github\\.com/acme/.+@refs/heads/main$' }] },
      'verified',
    ],
    ['one of two', { identities: [{ issuer: ISSUER, subject: 'x' }, ...IDENTITIES] }, 'verified'],
    ['this source', { source: { repository: REPOSITORY, workflow: WORKFLOW, ref: REF } }, 'verified'],
    ['another repository', { source: { repository: 'https://github.com/acme/tool' } }, 'wrong'],
    ['another workflow', { source: { workflow: '.github/workflows/other.yml' } }, 'wrong'],
    ['another ref', { source: { ref: 'refs/heads/dev' } }, 'wrong'],
  ])('is judged by a policy that names %s', async (_, policy, status) => {
    expect((await verifierOf(sigstore, policy)(attestation)).status).toBe(status);
  });

  test('is of one commit', async () => {
    expect((await verifierOf(sigstore)(attestation, { commit: COMMIT })).status).toBe('verified');
    expect((await verifierOf(sigstore)(attestation, { commit: 'd'.repeat(40) })).status).toBe('wrong');
  });

  test.each([
    ['version', { ...SUBJECT, name: 'sandbox-tools-amd64-any-v3' }],
    ['tool', { ...SUBJECT, name: 'other-tools-amd64-any-v2' }],
    ['target', { ...SUBJECT, name: 'sandbox-tools-amd64-v2' }],
    ['digest', { ...SUBJECT, digest: digestOf('other bytes') }],
  ])('is worth nothing for another %s', async (_, subject) => {
    const replayed = { ...attestation, name: `${subject.name}.sigstore.json` };
    expect((await verifierOf(sigstore)(replayed, { subject })).status).toBe('wrong');
  });

  test.each([
    ['repository', { repository: 'acme/other', workflow_ref: `acme/other/${WORKFLOW}@${REF}` }],
    ['workflow', { workflow_ref: `acme/tools/.github/workflows/other.yml@${REF}` }],
    ['ref', { ref: 'refs/pull/7/merge' }],
    ['commit', { sha: 'd'.repeat(40) }],
    ['run', { run_id: '43' }],
  ])('is wrong when its statement says another %s than its certificate', async (part, claims) => {
    const file = await sigstore.signer({ claims: { ...CLAIMS, ...claims } }).sign(SUBJECT, SOURCE);
    expect(await verifierOf(sigstore)(file)).toMatchObject({ status: 'wrong', reason: saying(`it says ${part}`) });
  });

  test('of a promotion names the commit of the sources besides that of the workflow', async () => {
    const promoted = { ...SOURCE, commit: 'e'.repeat(40), workflowCommit: COMMIT };
    const file = await sigstore.signer().sign(SUBJECT, promoted);
    expect(await verifierOf(sigstore)(file, { commit: 'e'.repeat(40) })).toMatchObject({
      status: 'verified',
      source: promoted,
    });
  });

  test('of somebody who is no job says nothing of a source, and none may be demanded of it', async () => {
    const claims = { iss: 'https://accounts.example.com', sub: 'https://example.com/alice' };
    const nothing = { repository: null, workflow: null, ref: null, commit: null, run: null };
    const file = await sigstore.signer({ claims }).sign(SUBJECT, nothing);
    const identities = [{ issuer: claims.iss, subject: claims.sub }];
    expect(await verifierOf(sigstore, { identities })(file)).toMatchObject({ status: 'verified', source: nothing });
    const stated = await sigstore.signer({ claims }).sign(SUBJECT, SOURCE);
    const demanding = verifierOf(sigstore, { identities, source: { repository: REPOSITORY } });
    expect(await demanding(stated)).toMatchObject({ status: 'wrong', reason: saying('repository is not said') });
  });
});

describe('a bundle that does not hold', () => {
  const verdictOf = (file: AttestationFile) => verifierOf(sigstore)(file);

  test.each<[string, SigstoreOptions, string]>([
    ['certificate had expired when it was logged', { logAheadMinutes: 11 }, 'expired'],
    ['certificate had expired when the authority saw it', { tsaAheadMinutes: 11 }, 'expired'],
    ['certificate was not yet valid', { logAheadMinutes: -11 }, 'certificate'],
    ['certificate was seen by no certificate log', { certificateLog: false }, 'SCTs'],
  ])('is wrong when its %s', async (_, options, why) => {
    await using instance = await startSigstore(options);
    const file = await instance.signer({ timestamps: true }).sign(SUBJECT, SOURCE);
    expect(await verifierOf(instance)(file)).toMatchObject({ status: 'wrong', reason: saying(why) });
  });

  test('is wrong when another instance certified it, whatever it claims', async () => {
    await using forger = await startSigstore();
    const forged = await forger.signer({ timestamps: true }).sign(SUBJECT, SOURCE);
    expect((await verifierOf(forger)(forged)).status).toBe('verified');
    expect((await verdictOf(forged)).status).toBe('wrong');
  });

  test('is wrong without its entry in the log, its promise, or its proof', async () => {
    const entries = (change: (entry: LogEntry) => void) =>
      changed(({ verificationMaterial }) => verificationMaterial.tlogEntries.forEach(change));
    expect(
      (await verdictOf(changed(({ verificationMaterial }) => (verificationMaterial.tlogEntries = [])))).status,
    ).toBe('wrong');
    expect((await verdictOf(entries((entry) => delete entry.inclusionProof))).status).toBe('wrong');
    expect((await verdictOf(entries((entry) => (entry.integratedTime = '1')))).status).toBe('wrong');
    const noTime = changed(({ verificationMaterial }) => {
      verificationMaterial.tlogEntries.forEach((entry) => delete entry.inclusionPromise);
      delete verificationMaterial.timestampVerificationData;
    });
    expect(await verdictOf(noTime)).toMatchObject({ status: 'wrong', reason: saying('timestamps') });
  });

  test('is wrong when its parts come from different bundles', async () => {
    const other = parse(await sigstore.signer({ timestamps: true }).sign(SUBJECT, { ...SOURCE, run: null }));
    const swaps: readonly ((bundle: Bundle) => void)[] = [
      ({ dsseEnvelope }) => (dsseEnvelope.signatures = other.dsseEnvelope.signatures),
      ({ dsseEnvelope }) => (dsseEnvelope.payload = other.dsseEnvelope.payload),
      (bundle) => (bundle.dsseEnvelope = other.dsseEnvelope),
      ({ verificationMaterial }) => (verificationMaterial.certificate = other.verificationMaterial.certificate),
      ({ verificationMaterial }) => (verificationMaterial.tlogEntries = other.verificationMaterial.tlogEntries),
      ({ verificationMaterial }) => {
        const { timestampVerificationData } = other.verificationMaterial;
        if (timestampVerificationData) verificationMaterial.timestampVerificationData = timestampVerificationData;
      },
    ];
    const verdicts = await Promise.all(swaps.map((swap) => verdictOf(changed(swap))));
    expect(verdicts.map(({ status }) => status)).toEqual(swaps.map(() => 'wrong'));
  });

  test.each<[string, (bundle: Bundle) => void]>([
    [
      'a payload that was changed',
      ({ dsseEnvelope }) => {
        const statement = Buffer.from(dsseEnvelope.payload, 'base64').toString('utf8');
        dsseEnvelope.payload = Buffer.from(statement.replace('refs/heads/main', 'refs/heads/evil')).toString('base64');
      },
    ],
    ['another type of payload', ({ dsseEnvelope }) => (dsseEnvelope.payloadType = 'text/plain')],
    ['two signatures', ({ dsseEnvelope }) => dsseEnvelope.signatures.push(...dsseEnvelope.signatures)],
    ['no signature', ({ dsseEnvelope }) => (dsseEnvelope.signatures = [])],
    ['its log entry twice', ({ verificationMaterial: { tlogEntries } }) => tlogEntries.push(...tlogEntries)],
    ['an unknown version', (bundle) => (bundle.mediaType = 'application/vnd.dev.sigstore.bundle.v0.9+json')],
    ['an unknown key', (bundle) => Object.assign(bundle, { extra: 1 })],
    ['a message beside the envelope', (bundle) => Object.assign(bundle, { messageSignature: { signature: 'YQ==' } })],
    ['a certificate in other base64', ({ verificationMaterial: { certificate } }) => (certificate.rawBytes += '\n')],
    ['no certificate', ({ verificationMaterial }) => Object.assign(verificationMaterial, { certificate: undefined })],
    [
      'a key instead',
      ({ verificationMaterial }) =>
        Object.assign(verificationMaterial, { certificate: undefined, publicKey: { hint: 'x' } }),
    ],
    ['a certificate that is none', ({ verificationMaterial: { certificate } }) => (certificate.rawBytes = 'MIID')],
    [
      'a certificate of another type',
      ({ verificationMaterial }) => Object.assign(verificationMaterial, { certificate: { rawBytes: 5 } }),
    ],
    [
      'a log body that is none',
      ({ verificationMaterial: { tlogEntries } }) => tlogEntries.forEach((entry) => (entry.canonicalizedBody = 'e30=')),
    ],
  ])('is wrong with %s', async (_, change) => {
    expect((await verdictOf(changed(change))).status).toBe('wrong');
  });

  test('says nothing else with a flipped bit: it is wrong, or the bit stands where nothing is read', async () => {
    const verify = verifierOf(sigstore);
    const whole = await verify(attestation);
    expect(whole.status).toBe('verified');
    let wrong = 0;
    for (let bit = 0; bit < attestation.bytes.byteLength * 8; bit += FLIP_EVERY) {
      const bytes = Uint8Array.from(attestation.bytes);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const verdict = await verify({ name: attestation.name, bytes });
      if (verdict.status === 'wrong') wrong += 1;
      else expect(verdict).toEqual(whole);
    }
    expect(wrong).toBeGreaterThan(0.95 * Math.floor((attestation.bytes.byteLength * 8) / FLIP_EVERY));
  });
});

describe('a trusted root', () => {
  test.each([
    '',
    '{}',
    '[]',
    '{"certificateAuthorities":[{}]}',
    '{"certificateAuthorities":[{"certChain":{"certificates":[{"rawBytes":"YQ=="}]}}]}',
  ])('is refused when it is none: %j', async (text) => {
    const error = await failureOfAsync(() => createSigstoreCheck(Buffer.from(text), 'root.json'));
    expect([error.code, error.message]).toEqual([
      'CONFIG_INVALID',
      saying('root.json is not a trusted root of Sigstore'),
    ]);
  });
});

describe('signing through Sigstore', () => {
  const sign = async (options: SigstoreOptions, more: Partial<Parameters<typeof openSigstoreSigner>[0]> = {}) => {
    await using instance = await startSigstore(options);
    const signer = openSigstoreSigner({
      identityToken: () => Promise.resolve(TOKEN),
      offline: false,
      fulcioUrl: instance.url,
      rekorUrl: instance.url,
      requestTimeoutMs: 5_000,
      ...more,
    });
    const error = await failureOfAsync(() => signer.sign(SUBJECT, SOURCE));
    return { error, answers: instance.answers };
  };
  const TOKEN = identityToken();

  test('asks certificate authority, log and timestamp authority once each', async () => {
    await using instance = await startSigstore();
    await instance.signer({ timestamps: true }).sign(SUBJECT, SOURCE);
    expect([...instance.answers].sort()).toEqual([
      'POST /api/v1/log/entries 201',
      'POST /api/v1/timestamp 201',
      'POST /api/v2/signingCert 201',
    ]);
  });

  test.each([
    ['whole', (body: string) => body],
    ['cut short', () => TOKEN.slice(0, -30)],
    ['only the claims', () => TOKEN.split('.')[1] ?? ''],
  ])('is refused when Fulcio refuses, and the token is never told that it quotes: %s', async (_, quoted) => {
    const { error } = await sign({
      fault: (__, body) => ({ status: 401, body: JSON.stringify({ message: `bad token: ${quoted(body)}` }) }),
    });
    expect([error.code, error.details]).toEqual(['REMOTE_REFUSED', { status: 401 }]);
    expect(error.message).toContain('bad token: ');
    expect(error.message).toContain('***');
    const told = JSON.stringify([error.message, error.hint, error.details, error.stack, String(error.cause)]);
    for (const part of TOKEN.split('.')) expect(told).not.toContain(part.slice(0, 11));
  });

  test('is tried again when a service is down for a moment, and fails when it stays so', async () => {
    let failures = 1;
    await using instance = await startSigstore({
      fault: () => (failures-- > 0 ? { status: 503, body: '' } : undefined),
    });
    await instance.signer().sign(SUBJECT, SOURCE);
    expect(instance.answers.slice(0, 2)).toEqual(['POST /api/v2/signingCert 503', 'POST /api/v2/signingCert 201']);
    const { error, answers } = await sign({ fault: () => ({ status: 503, body: '' }) });
    expect([error.code, answers.length]).toEqual(['UNREACHABLE', 3]);
  });

  test('fails when the log does not answer in time', async () => {
    const { error } = await sign({}, { rekorUrl: 'http://127.0.0.1:9', requestTimeoutMs: 500 });
    expect(error.code).toBe('UNREACHABLE');
  });

  test('passes on why there is no identity', async () => {
    const reason = new Error('no identity in this test');
    await using instance = await startSigstore();
    const signer = openSigstoreSigner({
      identityToken: () => Promise.reject(reason),
      offline: false,
      fulcioUrl: instance.url,
    });
    expect((await failureOfAsync(() => signer.sign(SUBJECT, SOURCE))).message).toContain(reason.message);
    expect(instance.answers).toEqual([]);
  });

  test('ends with the reason of who aborts it', async () => {
    const abort = new AbortController();
    const reason = new Error('enough');
    await using instance = await startSigstore({
      fault: () => {
        abort.abort(reason);
        return { status: 503, body: '' };
      },
    });
    const signing = instance.signer().sign(SUBJECT, SOURCE, { signal: abort.signal });
    await expect(signing).rejects.toBe(reason);
    await expect(instance.signer().sign(SUBJECT, SOURCE, { signal: abort.signal })).rejects.toBe(reason);
  });

  test('asks nobody offline', async () => {
    const { error, answers } = await sign({}, { offline: true });
    expect([error.code, answers]).toEqual(['OFFLINE', []]);
  });
});
