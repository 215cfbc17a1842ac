import type { KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { isDigest, type Digest } from '../../core/digest.ts';
import { hasCode } from '../../core/errors.ts';
import { formatEnvelope, parseEnvelope, signEnvelope, verifyEnvelope } from '../../attestations/dsse.ts';
import type { TrustedKey } from '../../attestations/keys.ts';
import { parseStrictJson } from '../../attestations/strict-json.ts';

/** What the envelope in `toolcrib/manifest.dsse.json` holds. A type of its own: no such signature passes for another. */
export const ARCHIVE_SIGNATURE_TYPE = 'application/vnd.toolcrib.run-archive+json';
export const ARCHIVE_SIGNATURE_SCHEMA = 'toolcrib.run_archive_signature.v1';

/** The statement that is signed: which manifest it is. The manifest pins every other member. */
export interface SignedManifest {
  readonly runId: string;
  /** Of the bytes of `manifest.json` as they stand in the archive. */
  readonly manifest: Digest;
}

const payloadSchema = z.strictObject({
  schema: z.literal(ARCHIVE_SIGNATURE_SCHEMA),
  run_id: z.string(),
  manifest: z.custom<Digest>(
    (value) => typeof value === 'string' && isDigest(value),
    'expected sha256:<64 lowercase hex>',
  ),
});

/**
 * Signs a manifest. The result is the content of `toolcrib/manifest.dsse.json`, which the manifest does not list.
 * @param key a private key, Ed25519 or ECDSA.
 */
export function signManifest({ runId, manifest }: SignedManifest, key: KeyObject): string {
  const payload = JSON.stringify({ schema: ARCHIVE_SIGNATURE_SCHEMA, run_id: runId, manifest });
  return formatEnvelope(signEnvelope(ARCHIVE_SIGNATURE_TYPE, Buffer.from(payload), key));
}

/** What came of looking at the signature of an archive. */
export type ArchiveSignature =
  /** There is none. */
  | { readonly status: 'absent' }
  /** There is one over this manifest, but no key was named to verify it with. */
  | { readonly status: 'unverified' }
  | { readonly status: 'verified'; readonly keyid: string }
  /** It is no signature of this manifest, or not by one of the keys. */
  | { readonly status: 'refused'; readonly reason: string };

/**
 * Verifies the signature of an archive.
 * @param envelope the bytes of `toolcrib/manifest.dsse.json`; undefined when it is not there.
 * @param actual what the archive has.
 * @param keys undefined: no signature is demanded; one that is there still has to be over this manifest.
 */
export function verifyManifestSignature(
  envelope: Uint8Array | undefined,
  actual: SignedManifest,
  keys: readonly TrustedKey[] | undefined,
): ArchiveSignature {
  if (envelope === undefined) {
    return keys === undefined ? { status: 'absent' } : { status: 'refused', reason: 'nobody signed the archive' };
  }
  try {
    return verdictOf(envelope, actual, keys);
  } catch (error) {
    if (!hasCode(error, 'MALFORMED', 'TOO_LARGE')) throw error;
    return { status: 'refused', reason: error.message.slice(0, 300) };
  }
}

function verdictOf(
  bytes: Uint8Array,
  actual: SignedManifest,
  keys: readonly TrustedKey[] | undefined,
): ArchiveSignature {
  const envelope = parseEnvelope(bytes, 'the signature');
  if (envelope.payloadType !== ARCHIVE_SIGNATURE_TYPE) {
    return { status: 'refused', reason: 'it signs something else than a run archive' };
  }
  // The key first: what nobody trusted has signed says nothing.
  const verdict = keys && verifyEnvelope(envelope, keys);
  if (verdict !== undefined && verdict.status !== 'verified') return { status: 'refused', reason: verdict.reason };
  const payload = payloadSchema.safeParse(parseStrictJson(envelope.payload, 'the signed statement'));
  if (!payload.success) return { status: 'refused', reason: 'what is signed does not name a manifest' };
  if (payload.data.manifest !== actual.manifest || payload.data.run_id !== actual.runId) {
    const reason = `the manifest was changed: it is ${actual.manifest}, signed was ${payload.data.manifest}`;
    return { status: 'refused', reason };
  }
  return verdict === undefined ? { status: 'unverified' } : { status: 'verified', keyid: verdict.keyid };
}
