import { execFile } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { preAuthEncoding } from '../../../src/attestations/dsse.ts';
import { openKeySigner } from '../../../src/attestations/key-signer.ts';
import { formatProvenance } from '../../../src/attestations/provenance.ts';
import { readTrustedKeys } from '../../../src/attestations/trusted-keys.ts';
import { createVerifier } from '../../../src/attestations/verifier.ts';
import { requireOrSkip } from '../../servers/require.ts';
import { policyOf, SOURCE, SUBJECT } from '../../unit/attestations/samples.ts';
import { failureOfAsync } from '../../unit/core/failure.ts';
import { createScratch } from '../../unit/disk/scratch.ts';

const run = promisify(execFile);
const missing = await run('openssl', ['version']).then(
  () => undefined,
  () => 'openssl is not installed (scripts/setup installs it)',
);

describe('keys and signatures of openssl', requireOrSkip(missing), () => {
  /** Makes a key pair as the guide says it. */
  async function createKeys(folder: string): Promise<{ key: string; publicKey: string }> {
    const [key, publicKey] = [join(folder, 'key.pem'), join(folder, 'key.pub.pem')];
    await run('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', key]);
    await run('openssl', ['pkey', '-in', key, '-pubout', '-out', publicKey]);
    return { key, publicKey };
  }

  test('openssl verifies what toolcrib signs', async () => {
    await using scratch = await createScratch();
    const { key, publicKey } = await createKeys(scratch.path);
    const signer = await openKeySigner(key);
    const { bytes } = await signer.sign(SUBJECT, SOURCE);
    const envelope = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      payload: string;
      payloadType: string;
      signatures: [{ sig: string; keyid: string }];
    };
    const [signed, sig] = [join(scratch.path, 'signed'), join(scratch.path, 'sig')];
    await writeFile(signed, preAuthEncoding(envelope.payloadType, Buffer.from(envelope.payload, 'base64')));
    await writeFile(sig, Buffer.from(envelope.signatures[0].sig, 'base64'));
    const verify = ['pkeyutl', '-verify', '-pubin', '-inkey', publicKey, '-rawin', '-in', signed, '-sigfile', sig];
    expect((await run('openssl', verify)).stdout).toContain('Signature Verified Successfully');
    await writeFile(signed, 'something else');
    await expect(run('openssl', verify)).rejects.toThrow();
    const digest = await run('sh', ['-c', `openssl pkey -pubin -in ${publicKey} -outform DER | sha256sum`]);
    expect(digest.stdout).toMatch(new RegExp(`^${envelope.signatures[0].keyid} `));
  });

  test('toolcrib verifies what openssl signs, with no keyid and with its own', async () => {
    await using scratch = await createScratch();
    const { key, publicKey } = await createKeys(scratch.path);
    const [trusted] = await readTrustedKeys([publicKey]);
    if (trusted === undefined) throw new Error('no key was read');
    const payload = Buffer.from(formatProvenance(SUBJECT, SOURCE));
    const [header, signed, sig] = ['header', 'signed', 'sig'].map((name) => join(scratch.path, name));
    // The encoding is put together by hand here, not by what is tested.
    await writeFile(header ?? '', `DSSEv1 28 application/vnd.in-toto+json ${payload.byteLength} `);
    await writeFile(join(scratch.path, 'payload'), payload);
    await run('sh', ['-c', `cat ${header} ${scratch.path}/payload > ${signed}`]);
    await run('openssl', ['pkeyutl', '-sign', '-inkey', key, '-rawin', '-in', signed ?? '', '-out', sig ?? '']);
    const signature = (await readFile(sig ?? '')).toString('base64');
    const verifier = createVerifier(policyOf({}), { keys: [trusted], sigstore: undefined });
    const verdictOf = (signatures: object[]) =>
      verifier.verify(SUBJECT, [
        {
          name: `${SUBJECT.name}.dsse.json`,
          bytes: Buffer.from(
            JSON.stringify({
              payloadType: 'application/vnd.in-toto+json',
              payload: payload.toString('base64'),
              signatures,
            }),
          ),
        },
      ]).status;
    expect(verdictOf([{ sig: signature }])).toBe('verified');
    expect(verdictOf([{ keyid: '', sig: signature }])).toBe('verified');
    expect(verdictOf([{ keyid: trusted.keyid, sig: signature }])).toBe('verified');
    expect(verdictOf([{ keyid: 'a'.repeat(64), sig: signature }])).toBe('untrusted');
    expect(verdictOf([{ keyid: trusted.keyid, sig: Buffer.alloc(64).toString('base64') }])).toBe('wrong');
  });

  test('an encrypted key of openssl is refused with the way out', async () => {
    await using scratch = await createScratch();
    const { key } = await createKeys(scratch.path);
    const encrypted = join(scratch.path, 'encrypted.pem');
    await run('openssl', ['pkey', '-in', key, '-aes256', '-passout', 'pass:secret', '-out', encrypted]);
    await chmod(encrypted, 0o600);
    const error = await failureOfAsync(() => openKeySigner(encrypted));
    expect([error.code, error.message, error.hint]).toEqual([
      'CONFIG_INVALID',
      `${encrypted} is encrypted with a passphrase, which toolcrib does not ask for`,
      expect.stringContaining('openssl pkey -in ENCRYPTED'),
    ]);
  });
});
