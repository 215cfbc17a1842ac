import { sign, verify, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { describeIssues } from '../core/schema-issues.ts';
import '../core/schema-messages.ts';
import { formatBase64, parseBase64 } from './base64.ts';
import { keyIdOf, type TrustedKey } from './keys.ts';
import { malformed, parseStrictJson } from './strict-json.ts';

/** What a DSSE envelope holds when it is an attestation: an in-toto statement. */
export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** A signature over an envelope. */
export interface DsseSignature {
  /** Name of the key in printable ASCII, a hint that nothing protects; '' when there is none. */
  readonly keyid: string;
  readonly sig: Uint8Array;
}

/** A DSSE v1 envelope: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md. */
export interface DsseEnvelope {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  readonly signatures: readonly DsseSignature[];
}

/** What came of looking for a trusted signature. */
export type EnvelopeVerdict =
  | { readonly status: 'verified'; readonly keyid: string }
  /** Signed by keys that are not among the trusted ones. */
  | { readonly status: 'untrusted'; readonly reason: string }
  /** It says that a trusted key signed it, which did not. */
  | { readonly status: 'wrong'; readonly reason: string };

const MAX_SIGNATURES = 16;

/** It is shown to people, and anybody may have written it. */
const KEY_ID = /^[\x20-\x7e]{0,200}$/;

const envelopeSchema = z.strictObject({
  payloadType: z.string().check(z.minLength(1), z.maxLength(200)),
  payload: z.string(),
  signatures: z
    .array(
      z.strictObject({
        keyid: z._default(z.string().check(z.regex(KEY_ID, 'not at most 200 characters of printable ASCII')), ''),
        sig: z.string(),
      }),
    )
    .check(z.minLength(1), z.maxLength(MAX_SIGNATURES)),
});

/** What is signed of an envelope: https://github.com/secure-systems-lab/dsse/blob/master/protocol.md. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.byteLength} `),
    type,
    Buffer.from(` ${payload.byteLength} `),
    payload,
  ]);
}

/**
 * Signs a payload. Ed25519 is deterministic: same input, same envelope; ECDSA is not.
 * @param key a private key of a kind that `keys.ts` reads.
 */
export function signEnvelope(payloadType: string, payload: Uint8Array, key: KeyObject): DsseEnvelope {
  const sig = sign(hashOf(key), preAuthEncoding(payloadType, payload), key);
  return { payloadType, payload, signatures: [{ keyid: keyIdOf(key), sig }] };
}

/** Ed25519 has its own hash, ECDSA on P-256 goes with this one. */
function hashOf(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ec' ? 'sha256' : null;
}

/** Compact JSON in the order of the specification, and a newline. Same input, same bytes. */
export function formatEnvelope({ payloadType, payload, signatures }: DsseEnvelope): string {
  const written = signatures.map(({ keyid, sig }) => ({ ...(keyid !== '' && { keyid }), sig: formatBase64(sig) }));
  return `${JSON.stringify({ payload: formatBase64(payload), payloadType, signatures: written })}\n`;
}

/**
 * Reads an envelope strictly: no unknown key, no key twice, canonical base64, at most 1 MiB and 16 signatures.
 * @param where names the file in errors.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`.
 */
export function parseEnvelope(bytes: Uint8Array, where: string): DsseEnvelope {
  const parsed = envelopeSchema.safeParse(parseStrictJson(bytes, where));
  if (!parsed.success) throw malformed(where, `not a DSSE envelope: ${describeIssues(parsed.error)}`);
  const { payloadType, payload, signatures } = parsed.data;
  return {
    payloadType,
    payload: parseBase64(payload, where, 'the payload'),
    signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: parseBase64(sig, where, 'a signature') })),
  };
}

/**
 * Looks for a signature by a trusted key; one suffices. A signature that names a key counts for that key alone, one that
 * names none is tried with each. Pure.
 */
export function verifyEnvelope(envelope: DsseEnvelope, keys: readonly TrustedKey[]): EnvelopeVerdict {
  const signed = preAuthEncoding(envelope.payloadType, envelope.payload);
  const claims = envelope.signatures.flatMap(({ keyid, sig }) =>
    keys.filter((key) => keyid === '' || key.keyid === keyid).map((key) => ({ ...key, sig, named: keyid !== '' })),
  );
  const sound = claims.find(({ key, sig }) => verify(hashOf(key), signed, key, sig));
  if (sound !== undefined) return { status: 'verified', keyid: sound.keyid };
  const forged = claims.find(({ named }) => named);
  if (forged === undefined) return { status: 'untrusted', reason: `signed by ${namesOf(envelope)}` };
  return { status: 'wrong', reason: `the signature is not that of key ${forged.keyid}, which it names` };
}

function namesOf({ signatures }: DsseEnvelope): string {
  const names = signatures.map(({ keyid }) => (keyid === '' ? 'a key that is not named' : `key ${keyid}`));
  return `${[...new Set(names)].join(', ')}; that is none of the trusted keys`;
}
