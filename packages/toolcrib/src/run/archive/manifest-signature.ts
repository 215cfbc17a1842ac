import type { KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import '../../core/schema-messages.ts';
import { formatEnvelope, parseEnvelope, signEnvelope, verifyEnvelope } from '../../attestations/dsse.ts';
import type { KeyKind, TrustedKey } from '../../attestations/keys.ts';
import { isDigest, type Digest } from '../../core/digest.ts';
import { hasCode, messageOf } from '../../core/errors.ts';

/** What the payload of `toolcrib/manifest.dsse.json` is. */
export const SIGNATURE_PAYLOAD_TYPE = 'application/vnd.toolcrib.run-manifest+json';

/** Keys that sign archives. */
export const ARCHIVE_KEY_KINDS: readonly KeyKind[] = ['ed25519', 'ecdsa-p256'];

const PAYLOAD_SCHEMA = 'toolcrib.run_manifest.v1';

/** What is signed: which run, and the digest of the bytes of its `manifest.json`, which pins every other member. */
export interface SignedManifest {
  readonly run_id: string;
  readonly manifest: Digest;
}

const payloadSchema = z.strictObject({
  schema: z.literal(PAYLOAD_SCHEMA),
  run_id: z.string(),
  manifest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'expected a digest'),
});

/** The text of `toolcrib/manifest.dsse.json`. @param key of one of {@link ARCHIVE_KEY_KINDS}. */
export function signManifest({ run_id, manifest }: SignedManifest, key: KeyObject): string {
  const payload = JSON.stringify({ schema: PAYLOAD_SCHEMA, run_id, manifest });
  return formatEnvelope(signEnvelope(SIGNATURE_PAYLOAD_TYPE, Buffer.from(payload), key));
}

/**
 * What is wrong with a signature, in one sentence; undefined when a trusted key signed this very manifest.
 * @param envelope the member's bytes, at most a MiB.
 * @param keys undefined: whoever signed, it still has to be over this manifest.
 */
export function manifestSignatureProblem(
  envelope: Uint8Array,
  signed: SignedManifest,
  keys: readonly TrustedKey[] | undefined,
): string | undefined {
  try {
    const parsed = parseEnvelope(envelope, 'the signature');
    if (parsed.payloadType !== SIGNATURE_PAYLOAD_TYPE)
      return `it signs no run manifest, but ${quote(parsed.payloadType)}`;
    const verdict = keys && verifyEnvelope(parsed, keys);
    if (verdict !== undefined && verdict.status !== 'verified') return verdict.reason;
    return payloadProblem(Buffer.from(parsed.payload).toString('utf8'), signed);
  } catch (error) {
    if (!hasCode(error, 'MALFORMED', 'TOO_LARGE')) throw error;
    return messageOf(error).slice(0, 300);
  }
}

function payloadProblem(text: string, signed: SignedManifest): string | undefined {
  const payload = payloadSchema.safeParse(parsedOrNull(text));
  if (!payload.success) return 'what was signed is not the digest of a manifest';
  const { run_id, manifest } = payload.data;
  if (run_id !== signed.run_id) return `it was made for the run ${quote(run_id)}`;
  return manifest === signed.manifest
    ? undefined
    : `the manifest was changed: signed was ${manifest}, it is ${signed.manifest}`;
}

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
