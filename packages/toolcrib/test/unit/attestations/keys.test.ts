import { generateKeyPairSync } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openKeySigner } from '../../../src/attestations/key-signer.ts';
import { keyIdOf, parsePrivateKey, parsePublicKey } from '../../../src/attestations/keys.ts';
import { readTrustedKeys } from '../../../src/attestations/trusted-keys.ts';
import { createVerifier } from '../../../src/attestations/verifier.ts';
import { failureOf, failureOfAsync } from '../core/failure.ts';
import { createScratch } from '../disk/scratch.ts';
import { policyOf, SOURCE, SUBJECT } from './samples.ts';

const pair = generateKeyPairSync('ed25519');
const PUBLIC = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const PRIVATE = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const ENCRYPTED = pair.privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' })
  .toString();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

describe('a trusted public key', () => {
  test('is called by the digest of its SPKI, as is its private half', () => {
    expect(parsePublicKey(PUBLIC, 'FILE').keyid).toMatch(/^[0-9a-f]{64}$/);
    expect(parsePublicKey(PUBLIC, 'FILE').keyid).toBe(keyIdOf(parsePrivateKey(PRIVATE, 'FILE')));
  });

  test.each([
    ['a private key', PRIVATE, 'FILE holds a private key, expected the public one'],
    [
      'an RSA key',
      rsa.publicKey.export({ type: 'spki', format: 'pem' }),
      'FILE holds a key of type rsa, expected ed25519',
    ],
    [
      'an EC key',
      ec.publicKey.export({ type: 'spki', format: 'pem' }),
      'FILE holds a key of type ecdsa-p256, expected ed25519',
    ],
    ['two keys', PUBLIC + PUBLIC, 'FILE does not hold exactly one'],
    ['nothing', '', 'FILE does not hold exactly one'],
    ['rubbish', PUBLIC.replace(/\n.+\n/, '\n!!!!\n'), 'FILE is not a key that can be read'],
  ])('is not %s', (_, text, why) => {
    const error = failureOf(() => parsePublicKey(text.toString(), 'FILE'));
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining(why)]);
    expect(error.hint).toContain('openssl pkey');
  });

  test('is read from each file of a policy, and a missing file is an error of the configuration', async () => {
    await using scratch = await createScratch();
    const [path, none] = [join(scratch.path, 'a.pem'), join(scratch.path, 'none.pem')];
    await writeFile(path, PUBLIC);
    expect((await readTrustedKeys([path])).map(({ keyid }) => keyid)).toEqual([keyIdOf(pair.publicKey)]);
    const error = await failureOfAsync(() => readTrustedKeys([path, none]));
    expect([error.code, error.message]).toEqual([
      'CONFIG_INVALID',
      expect.stringContaining(`no public key at ${none}`),
    ]);
    expect((await failureOfAsync(() => readTrustedKeys([scratch.path]))).code).toBe('CONFIG_INVALID');
  });
});

describe('a signing key', () => {
  test('signs what its public half verifies', async () => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'key.pem');
    await writeFile(path, PRIVATE, { mode: 0o600 });
    const signer = await openKeySigner(path);
    const file = await signer.sign(SUBJECT, SOURCE);
    expect([signer.suffix, file.name]).toEqual(['.dsse.json', `${SUBJECT.name}.dsse.json`]);
    expect(await signer.sign(SUBJECT, SOURCE)).toEqual(file); // the same each time
    const verifier = createVerifier(policyOf({}), { keys: [parsePublicKey(PUBLIC, 'FILE')], sigstore: undefined });
    expect(verifier.verify(SUBJECT, [file])).toEqual({
      status: 'verified',
      file: file.name,
      signer: `key ${keyIdOf(pair.publicKey)}`,
      source: { ...SOURCE, workflowCommit: null },
    });
    const reason = new Error('enough');
    await expect(signer.sign(SUBJECT, SOURCE, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test.each([0o604, 0o644, 0o602, 0o601])('is refused when others have rights to it: %o', async (mode) => {
    await using scratch = await createScratch();
    const path = join(scratch.path, 'key.pem');
    await writeFile(path, PRIVATE);
    await chmod(path, mode);
    const error = await failureOfAsync(() => openKeySigner(path));
    expect([error.code, error.hint]).toEqual(['CONFIG_INVALID', expect.stringContaining(`chmod 600 ${path}`)]);
  });

  test.each([
    ['encrypted', ENCRYPTED, 'FILE is encrypted with a passphrase'],
    ['public', PUBLIC, 'FILE does not hold a "-----BEGIN PRIVATE KEY-----"'],
    ['an RSA key', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'FILE holds a key of type rsa'],
    ['PKCS#1', rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }), 'FILE does not hold a "-----BEGIN PRIVATE KEY'],
    ['cut off', PRIVATE.slice(0, 60), 'FILE is not a key that can be read'],
  ])('is refused when it is %s', (_, text, why) => {
    const error = failureOf(() => parsePrivateKey(text.toString(), 'FILE'));
    expect([error.code, error.message]).toEqual(['CONFIG_INVALID', expect.stringContaining(why)]);
    expect(JSON.stringify([error.message, error.hint, error.details, error.cause])).not.toContain(
      text.toString().slice(30, 50),
    );
  });
});
