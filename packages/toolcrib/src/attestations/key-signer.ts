import type { KeyObject } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { hasCode, NotFoundError, UsageError } from '../core/errors.ts';
import { readSmallText } from '../disk/small-file.ts';
import { onDisk } from '../disk/storage-error.ts';
import type { Signer } from './attestation.ts';
import { formatEnvelope, IN_TOTO_PAYLOAD_TYPE, signEnvelope } from './dsse.ts';
import { MAX_KEY_BYTES, parsePrivateKey, type KeyKind } from './keys.ts';
import { formatProvenance } from './provenance.ts';

const OTHERS_MAY_READ = 0o007;

/**
 * Signs with a local Ed25519 key: for hosts without network. Its attestations are DSSE envelopes, `NAME.dsse.json`.
 * @param privateKeyPath absolute path of a PKCS#8 key in PEM without a passphrase, that not everybody can read.
 * @throws as {@link readPrivateKey}.
 */
export async function openKeySigner(privateKeyPath: string): Promise<Signer> {
  const key = await readPrivateKey(privateKeyPath);
  return {
    suffix: '.dsse.json',
    sign: (subject, source, { signal } = {}) =>
      Promise.resolve().then(() => {
        signal?.throwIfAborted();
        const envelope = signEnvelope(IN_TOTO_PAYLOAD_TYPE, Buffer.from(formatProvenance(subject, source)), key);
        return { name: `${subject.name}.dsse.json`, bytes: Buffer.from(formatEnvelope(envelope)) };
      }),
  };
}

/**
 * Reads a private key.
 * @param kinds what may be used; for attestations Ed25519 alone.
 * @throws UsageError `CONFIG_INVALID` naming the file for another key, an encrypted one, or one that everybody can read;
 * NotFoundError `NOT_FOUND`; IntegrityError `TOO_LARGE`; RemoteError `STORAGE`.
 */
export async function readPrivateKey(path: string, kinds?: readonly KeyKind[]): Promise<KeyObject> {
  const text = await readSmallText(path, MAX_KEY_BYTES).catch(noKey(path));
  const { mode } = await onDisk('examine', path, () => stat(path));
  if ((mode & OTHERS_MAY_READ) !== 0) {
    throw new UsageError('CONFIG_INVALID', `${path} is a private key that every user of this machine can reach`, {
      hint: `take the rights of others away: chmod 600 ${path}; if somebody may have read it, make a new key`,
      details: { file: path, mode: (mode & 0o777).toString(8) },
    });
  }
  return parsePrivateKey(text, path, kinds);
}

function noKey(path: string): (error: unknown) => never {
  return (error) => {
    if (!hasCode(error, 'NOT_FOUND')) throw error;
    throw new NotFoundError('NOT_FOUND', `there is no private key at ${path}`, {
      hint: 'name an Ed25519 private key in PEM; "openssl genpkey -algorithm ed25519 -out FILE" makes one',
      details: { file: path },
      cause: error,
    });
  };
}
