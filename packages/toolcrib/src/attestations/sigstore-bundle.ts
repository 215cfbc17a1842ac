import * as z from 'zod/mini';
import { describeIssues } from '../core/schema-issues.ts';
import '../core/schema-messages.ts';
import { parseBase64 } from './base64.ts';
import { malformed, parseStrictJson } from './strict-json.ts';

/** A bundle of Sigstore with an envelope in it, nothing of it verified. */
export interface SigstoreBundle {
  readonly payloadType: string;
  readonly payload: Uint8Array;
  /** The whole bundle as JSON. */
  readonly json: unknown;
}

/** Versions as https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto lists them. */
const MEDIA_TYPES = [
  'application/vnd.dev.sigstore.bundle+json;version=0.1',
  'application/vnd.dev.sigstore.bundle+json;version=0.2',
  'application/vnd.dev.sigstore.bundle+json;version=0.3',
  'application/vnd.dev.sigstore.bundle.v0.3+json',
];

// What only Sigstore's own packages understand is left to them: they are loaded when an identity is to be verified.
const bundleSchema = z.looseObject({
  mediaType: z.enum(MEDIA_TYPES),
  dsseEnvelope: z.looseObject({ payloadType: z.string(), payload: z.string() }),
});

/**
 * Takes the statement out of a bundle. Costs no package of Sigstore.
 * @param where names the file in errors.
 * @throws IntegrityError `MALFORMED`, `TOO_LARGE`.
 */
export function parseBundle(bytes: Uint8Array, where: string): SigstoreBundle {
  const json = parseStrictJson(bytes, where);
  const parsed = bundleSchema.safeParse(json);
  if (!parsed.success) throw malformed(where, `not a Sigstore bundle of a statement: ${describeIssues(parsed.error)}`);
  const { payloadType, payload } = parsed.data.dsseEnvelope;
  return { payloadType, payload: parseBase64(payload, where, 'the payload'), json };
}
