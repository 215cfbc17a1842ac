import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { UsageError } from '../core/errors.ts';

/** A public key that a policy trusts. */
export interface TrustedKey {
  /** SHA-256 of its SubjectPublicKeyInfo in DER, 64 hex digits. */
  readonly keyid: string;
  readonly key: KeyObject;
}

/** Kinds of keys: `ecdsa-p256` signs the SHA-256 of what is signed. */
export type KeyKind = 'ed25519' | 'ecdsa-p256';

/** Of a file with a key, in bytes. */
export const MAX_KEY_BYTES = 64 * 1024;

const ATTESTATION_KINDS: readonly KeyKind[] = ['ed25519'];

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
 * @param kinds what may be used; for attestations Ed25519 alone.
 * @throws UsageError `CONFIG_INVALID` unless the text is one such public key in PEM.
 */
export function parsePublicKey(text: string, file: string, kinds: readonly KeyKind[] = ATTESTATION_KINDS): TrustedKey {
  if (text.includes('PRIVATE KEY-----')) {
    throw keyError(file, 'holds a private key, expected the public one', `keep it secret, and export: ${EXPORT_KEY}`);
  }
  if (text.split(PUBLIC_LABEL).length !== 2) {
    throw keyError(file, `does not hold exactly one "${PUBLIC_LABEL}"`, `write it with: ${EXPORT_KEY}`);
  }
  const key = readKey(() => createPublicKey(text), file, kinds, `write it with: ${EXPORT_KEY}`);
  return { keyid: keyIdOf(key), key };
}

/**
 * @param file named in errors.
 * @param kinds as in {@link parsePublicKey}.
 * @throws UsageError `CONFIG_INVALID` unless the text is one such private key, PKCS#8 in PEM, without a passphrase.
 */
export function parsePrivateKey(text: string, file: string, kinds: readonly KeyKind[] = ATTESTATION_KINDS): KeyObject {
  if (text.includes('ENCRYPTED')) {
    throw keyError(file, 'is encrypted with a passphrase, which toolcrib does not ask for', DECRYPT);
  }
  if (!text.includes('-----BEGIN PRIVATE KEY-----')) {
    throw keyError(file, 'does not hold a "-----BEGIN PRIVATE KEY-----" (PKCS#8 in PEM)', `make one with: ${MAKE_KEY}`);
  }
  return readKey(() => createPrivateKey(text), file, kinds, `make one with: ${MAKE_KEY}`);
}

const DECRYPT = 'decrypt it into a file that only you can read: openssl pkey -in ENCRYPTED -out toolcrib-signing.pem';

function readKey(read: () => KeyObject, file: string, kinds: readonly KeyKind[], hint: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    // The cause may quote what it could not read.
    throw keyError(file, 'is not a key that can be read', hint);
  }
  const kind = kindOf(key);
  if (kinds.some((each) => each === kind)) return key;
  throw keyError(file, `holds a key of type ${kind}, expected ${kinds.join(' or ')}`, hint);
}

function kindOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ecdsa-p256';
  return key.asymmetricKeyType ?? 'unknown';
}

function keyError(file: string, what: string, hint: string): UsageError {
  return new UsageError('CONFIG_INVALID', `${file} ${what}`, { hint, details: { file } });
}
