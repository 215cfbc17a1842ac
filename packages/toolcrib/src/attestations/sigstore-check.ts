import { isDeepStrictEqual } from 'node:util';
import type { Verifier } from '@sigstore/verify';
import { messageOf, UsageError } from '../core/errors.ts';
import { messagesOf } from './causes.ts';
import { readCertifiedSigner } from './certificate-claims.ts';
import type { SigstoreBundle } from './sigstore-bundle.ts';
import { parseStrictJson } from './strict-json.ts';
import type { BundleVerdict, TrustMaterial } from './verifier.ts';
import type * as VerifySdk from './verify-sdk.ts';

/** What is loaded when the first check is made. */
type Sdk = typeof VerifySdk;

/**
 * What a bundle needs: an entry of a transparency log, a certificate that a certificate log saw, and a time by a log or
 * an authority at which that certificate was valid.
 */
const THRESHOLDS = { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 };

/**
 * Makes the check of bundles against a trusted root of Sigstore. It is pure; no network is needed.
 * @param file where the trusted root was read, named in errors.
 * @throws UsageError `CONFIG_INVALID` when that is no trusted root.
 */
export async function createSigstoreCheck(
  trustedRoot: Uint8Array,
  file: string,
): Promise<NonNullable<TrustMaterial['sigstore']>> {
  const sdk = await import('./verify-sdk.ts');
  const verifier = new sdk.Verifier(readTrustMaterial(sdk, trustedRoot, file), THRESHOLDS);
  return (bundle) => {
    try {
      return checkBundle(sdk, verifier, bundle);
    } catch (error) {
      // Whatever a library throws at bytes that a stranger made: they do not verify.
      return { status: 'wrong', reason: messagesOf(error) };
    }
  };
}

function readTrustMaterial(sdk: Sdk, bytes: Uint8Array, file: string): ReturnType<Sdk['toTrustMaterial']> {
  try {
    const root = sdk.TrustedRoot.fromJSON(parseStrictJson(bytes, file));
    if (root.certificateAuthorities.length === 0) throw new Error('it names no certificate authority');
    return sdk.toTrustMaterial(root);
  } catch (error) {
    throw new UsageError('CONFIG_INVALID', `${file} is not a trusted root of Sigstore: ${messageOf(error)}`, {
      hint: 'it is the trusted_root.json that the operator of the Sigstore instance publishes',
      details: { file },
      cause: error,
    });
  }
}

function checkBundle(sdk: Sdk, verifier: Verifier, { json, payload }: SigstoreBundle): BundleVerdict {
  const bundle = sdk.bundleFromJSON(json);
  const signed = bundle.content.$case === 'dsseEnvelope' ? bundle.content.dsseEnvelope : undefined;
  // What was judged and what is verified here has to be the same, and all of what stands in the file.
  if (signed === undefined || !signed.payload.equals(payload) || !isPartOf(json, sdk.bundleToJSON(bundle))) {
    return { status: 'wrong', reason: 'it can be read in more than one way' };
  }
  const { identity } = verifier.verify(sdk.toSignedEntity(bundle));
  if (identity === undefined) return { status: 'wrong', reason: 'it was not signed with a certificate' };
  return readCertifiedSigner(identity);
}

/**
 * Whether reading lost nothing of a bundle: no unknown key, no number or base64 that could be written otherwise.
 * @param read what was read, written again.
 */
function isPartOf(given: unknown, read: unknown): boolean {
  if (isDefault(given) && read === undefined) return true;
  if (Array.isArray(given)) {
    return Array.isArray(read) && given.length === read.length && given.every((each, at) => isPartOf(each, read[at]));
  }
  if (typeof given === 'object' && given !== null) {
    return (
      typeof read === 'object' &&
      read !== null &&
      Object.entries(given).every(([key, value]) =>
        isPartOf(value, new Map<string, unknown>(Object.entries(read)).get(key)),
      )
    );
  }
  return isDeepStrictEqual(given, read) || (typeof given === 'number' && String(given) === read);
}

/** What protobuf's JSON may leave out. */
function isDefault(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isDefault);
  return value === null || value === '' || value === 0 || value === '0' || value === false;
}
