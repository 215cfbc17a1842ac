import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AttestationVerifier, Signer } from '../../../src/attestations/attestation.ts';
import { openKeySigner } from '../../../src/attestations/key-signer.ts';
import { keyIdOf } from '../../../src/attestations/keys.ts';
import { createVerifier } from '../../../src/attestations/verifier.ts';
import { NO_ATTESTATION_POLICY } from '../../../src/config/attestation-policy.ts';
import { signOnce } from '../../../src/publish/attestations.ts';
import { publishRelease, type PublishReport, type PublishRequest } from '../../../src/publish/publish-release.ts';
import { readRelease } from '../../../src/releases/stored-release.ts';
import type { Store } from '../../../src/stores/store.ts';
import { failureOfAsync } from '../core/failure.ts';
import { buildRelease, directoryStore, requestOf, temporaryFolder } from './sample-release.ts';

const SIGNED = ['tool-amd64-any-v1.dsse.json', 'tool-arm64-any-v1.dsse.json'];
const FILES = ['tool-v1.SHA256SUMS', 'tool-amd64-any-v1', 'tool-arm64-any-v1', ...SIGNED, 'tool-v1.json'];

/** A key in a folder: who signs with it, and who believes it. */
async function keyIn(folder: string, name = 'key.pem'): Promise<{ signer: Signer; verifier: AttestationVerifier }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const path = join(folder, name);
  await writeFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const keys = [{ keyid: keyIdOf(publicKey), key: publicKey }];
  return {
    signer: await openKeySigner(path),
    verifier: createVerifier(NO_ATTESTATION_POLICY, { keys, sigstore: undefined }),
  };
}

/** A signer that remembers whom it signed. */
function watchedSigner(signer: Signer): Signer & { readonly signed: string[] } {
  const signed: string[] = [];
  return {
    suffix: signer.suffix,
    signed,
    async sign(subject, source, options) {
      signed.push(subject.name);
      return await signer.sign(subject, source, options);
    },
  };
}

/** A store that tells what is created in it, and breaks down when it comes to one file. */
function watched(store: Store, failAt?: string): Store & { readonly created: string[] } {
  const created: string[] = [];
  return {
    ...store,
    created,
    async create(name, source, options) {
      if (name === failAt) throw new Error(`the power went out before ${name}`);
      created.push(name);
      return await store.create(name, source, options);
    },
  };
}

const outcomes = (report: PublishReport): readonly string[] =>
  report.files.map(({ name, role, outcome }) => `${outcome} ${role} ${name}`);

const attestationsOf = async (store: Store): Promise<unknown> =>
  (await readRelease(store, { tool: 'tool', version: 1 }))?.manifest.files.map(({ attestation }) => attestation);

describe('a release that is signed', () => {
  test('has an attestation for each artifact, after the artifacts and before the manifest, which names them', async () => {
    await using folder = await temporaryFolder();
    const store = watched(directoryStore(folder.path));
    const request = requestOf(store, await buildRelease(folder.path));
    const report = await publishRelease({ ...request, ...(await keyIn(folder.path)) });
    expect(store.created).toEqual(FILES);
    expect(report.files.map(({ role }) => role)).toEqual([
      ...['claim', 'artifact', 'artifact', 'attestation', 'attestation', 'manifest'],
    ]);
    expect(await attestationsOf(store)).toEqual(SIGNED);
  });

  test('is signed before the first upload: a signer that fails leaves the store as it was', async () => {
    await using folder = await temporaryFolder();
    const store = watched(directoryStore(folder.path));
    const signer: Signer = {
      suffix: '.dsse.json',
      sign: ({ name }) => Promise.reject(new Error(`no ink for ${name}`)),
    };
    const request = { ...requestOf(store, await buildRelease(folder.path)), signer };
    await expect(publishRelease(request)).rejects.toThrow('no ink for tool-amd64-any-v1');
    expect(store.created).toEqual([]);
  });

  test('is refused before the first upload when the policy would not believe the signature', async () => {
    await using folder = await temporaryFolder();
    const store = watched(directoryStore(folder.path));
    const { signer } = await keyIn(folder.path);
    const { verifier } = await keyIn(folder.path, 'other.pem');
    const request = { ...requestOf(store, await buildRelease(folder.path)), signer, verifier };
    expect(await failureOfAsync(() => publishRelease(request))).toMatchObject({ code: 'ATTESTATION_UNTRUSTED' });
    expect(store.created).toEqual([]);
  });

  test('keeps the attestations that are there and hold: a repeat signs nothing', async () => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const request = { ...requestOf(directoryStore(folder.path), await buildRelease(folder.path)), verifier };
    await publishRelease({ ...request, signer });
    const again = watchedSigner(signer);
    const report = await publishRelease({ ...request, signer: again });
    expect(again.signed).toEqual([]);
    expect(outcomes(report)).toEqual([
      'same claim tool-v1.SHA256SUMS',
      ...['same artifact tool-amd64-any-v1', 'same artifact tool-arm64-any-v1'],
      ...SIGNED.map((name) => `same attestation ${name}`),
      'same manifest tool-v1.json',
    ]);
    expect(report.alreadyPublished).toBe(true);
  });

  test.each(FILES)('is completed after an interruption before %s, and signs only what is not there yet', async (at) => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const artifacts = await buildRelease(folder.path);
    const interrupted = watched(directoryStore(folder.path), at);
    await expect(publishRelease({ ...requestOf(interrupted, artifacts), signer, verifier })).rejects.toThrow('power');
    const again = watchedSigner(signer);
    const store = watched(directoryStore(folder.path));
    const report = await publishRelease({ ...requestOf(store, artifacts), signer: again, verifier });
    expect(report.complete).toBe(true);
    expect(store.created).toEqual(FILES.slice(FILES.indexOf(at)));
    const unsigned = SIGNED.filter((name) => FILES.indexOf(name) >= FILES.indexOf(at));
    expect(again.signed.map((name) => `${name}.dsse.json`)).toEqual(unsigned);
    expect(await attestationsOf(store)).toEqual(SIGNED);
  });

  test('takes the attestation of another publisher of the same bytes that comes in between', async () => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const artifacts = await buildRelease(folder.path);
    const quick = directoryStore(folder.path);
    const slow: Store = {
      ...quick,
      async create(name, source, options) {
        if (name === SIGNED[0]) await publishRelease({ ...requestOf(quick, artifacts), signer, verifier });
        return await quick.create(name, source, options);
      },
    };
    const report = await publishRelease({ ...requestOf(slow, artifacts), signer, verifier });
    expect(outcomes(report).slice(3)).toEqual([
      ...SIGNED.map((name) => `same attestation ${name}`),
      'same manifest tool-v1.json',
    ]);
  });

  test('gets attestations also when it was published without them', async () => {
    await using folder = await temporaryFolder();
    const artifacts = await buildRelease(folder.path);
    await publishRelease(requestOf(directoryStore(folder.path), artifacts));
    const store = watched(directoryStore(folder.path));
    const report = await publishRelease({ ...requestOf(store, artifacts), ...(await keyIn(folder.path)) });
    expect(store.created).toEqual(SIGNED);
    expect(report).toMatchObject({ complete: true, alreadyPublished: true });
  });

  test.each([
    ['signed by somebody else', 'ATTESTATION_UNTRUSTED', async (folder: string) => (await keyIn(folder, 'x')).signer],
    [
      'of another artifact',
      'ATTESTATION_WRONG',
      (_: string, own: Signer): Promise<Signer> =>
        Promise.resolve({
          ...own,
          sign: async (subject, source) => {
            const other = `${subject.name.slice(0, -1)}2`;
            const { bytes } = await own.sign({ ...subject, name: other }, source);
            return { name: `${subject.name}.dsse.json`, bytes };
          },
        }),
    ],
    [
      'no attestation at all',
      'ATTESTATION_WRONG',
      (): Promise<Signer> =>
        Promise.resolve({
          suffix: '.dsse.json',
          sign: ({ name }) => Promise.resolve({ name: `${name}.dsse.json`, bytes: Buffer.from('{}') }),
        }),
    ],
  ])('whose attestation in the store is %s is refused (%s), and nothing is replaced', async (_, code, forge) => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const artifacts = await buildRelease(folder.path);
    await publishRelease({
      ...requestOf(directoryStore(folder.path), artifacts),
      signer: await forge(folder.path, signer),
    });
    const store = watched(directoryStore(folder.path));
    const request = { ...requestOf(store, artifacts), signer, verifier };
    expect(await failureOfAsync(() => publishRelease(request))).toMatchObject({ code });
    expect(store.created).toEqual([]);
  });

  test('is refused without a signer where attestations are required, unless they are there', async () => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const store = watched(directoryStore(folder.path));
    const request: PublishRequest = {
      ...requestOf(store, await buildRelease(folder.path)),
      verifier,
      attestationsRequired: true,
    };
    const failure = await failureOfAsync(() => publishRelease(request));
    expect(failure).toMatchObject({
      code: 'ATTESTATION_MISSING',
      details: { names: ['tool-amd64-any-v1', 'tool-arm64-any-v1'] },
    });
    expect(store.created).toEqual([]);
    await publishRelease({ ...request, signer });
    expect(await publishRelease(request)).toMatchObject({ alreadyPublished: true });
  });

  test('is not signed in a dry run, which says that it would be', async () => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const store = watched(directoryStore(folder.path));
    const once = watchedSigner(signer);
    const request = requestOf(store, await buildRelease(folder.path), { dryRun: true });
    const report = await publishRelease({ ...request, signer: once, verifier });
    expect(once.signed).toEqual([]);
    expect(store.created).toEqual([]);
    expect(report.files.map(({ name, outcome }) => `${outcome} ${name}`)).toEqual(
      FILES.map((name) => `would-create ${name}`),
    );
  });

  test('is signed once for any number of stores', async () => {
    await using folder = await temporaryFolder();
    const { signer, verifier } = await keyIn(folder.path);
    const watching = watchedSigner(signer);
    const once = signOnce(watching);
    const artifacts = await buildRelease(folder.path);
    for (const name of ['a', 'b', 'c']) {
      await publishRelease({ ...requestOf(directoryStore(folder.path, name), artifacts), signer: once, verifier });
    }
    expect(watching.signed).toEqual(['tool-amd64-any-v1', 'tool-arm64-any-v1']);
  });
});
