import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { UsageError } from '../core/errors.ts';

/** A public key that a policy trusts. */
export interface TrustedKey {
  /** SHA-256 of its SubjectPublicKeyInfo in DER, 64 hex digits. */
  readonly keyid: string;
  readonly key: KeyObject;
}

const PUBLIC_LABEL = '-----BEGIN PUBLIC KEY-----';
const MAKE_KEY = 'openssl genpkey -algorithm ed25519 -out toolcrib-signing.pem';
const EXPORT_KEY = 'openssl pkey -in toolcrib-signing.pem -pubout -out toolcrib-signing.pub.pem';

/** What a key is called in DSSE envelopes, of a private key too: SHA-256 of the public key's SPKI in DER, as hex. */
export function keyIdOf(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * @param file named in errors.
 * @throws UsageError `CONFIG_INVALID` unless the text is one Ed25519 public key in PEM.
 */
export function parsePublicKey(text: string, file: string): TrustedKey {
  if (text.includes('PRIVATE KEY-----')) {
    throw keyError(file, 'holds a private key, expected the public one', `keep it secret, and export: ${EXPORT_KEY}`);
  }
  if (text.split(PUBLIC_LABEL).length !== 2) {
    throw keyError(file, `does not hold exactly one "${PUBLIC_LABEL}"`, `write it with: ${EXPORT_KEY}`);
  }
  const key = readKey(() => createPublicKey(text), file, `write it with: ${EXPORT_KEY}`);
  return { keyid: keyIdOf(key), key };
}

/**
 * @param file named in errors.
 * @throws UsageError `CONFIG_INVALID` unless the text is one Ed25519 private key, PKCS#8 in PEM, without a passphrase.
 */
export function parsePrivateKey(text: string, file: string): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw keyError(file, 'is encrypted with a passphrase, which toolcrib does not ask for', DECRYPT);
  }
  if (!text.includes('-----BEGIN PRIVATE KEY-----')) {
    throw keyError(file, 'does not hold a "-----BEGIN PRIVATE KEY-----" (PKCS#8 in PEM)', `make one with: ${MAKE_KEY}`);
  }
  return readKey(() => createPrivateKey(text), file, `make one with: ${MAKE_KEY}`);
}

const DECRYPT = 'decrypt it into a file that only you can read: openssl pkey -in ENCRYPTED -out toolcrib-signing.pem';

function readKey(read: () => KeyObject, file: string, hint: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    // The cause may quote what it could not read.
    throw keyError(file, 'is not a key that can be read', hint);
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw keyError(file, `holds a key of type ${key.asymmetricKeyType ?? 'unknown'}, expected ed25519`, hint);
}

function keyError(file: string, what: string, hint: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${file} ${what}`, { hint, details: { file } });
}
