import type { KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import { artifactNameFrom, isToolName } from '../core/artifact-name.ts';
import { isDigest, type Digest } from '../core/digest.ts';
import { PolicyError } from '../core/errors.ts';
import { describeIssues } from '../core/schema-issues.ts';
import '../core/schema-messages.ts';
import type { AttestationSubject } from './attestation.ts';
import { formatEnvelope, parseEnvelope, signEnvelope, verifyEnvelope } from './dsse.ts';
import type { TrustedKey } from './keys.ts';
import { malformed, parseStrictJson } from './strict-json.ts';

export const REVOCATIONS_SCHEMA = 'toolcrib.revocations.v1';
export const REVOCATIONS_PAYLOAD_TYPE = 'application/vnd.toolcrib.revocations.v1+json';

/** What must not be used any more of one tool: docs/formats.md, Revocations. */
export interface RevocationList {
  readonly tool: string;
  /** ISO 8601 in UTC; grows with each edition. */
  readonly issued: string;
  readonly versions: readonly { readonly version: number; readonly reason: string }[];
  readonly digests: readonly { readonly digest: Digest; readonly reason: string }[];
}

/** A list whose signature was verified, and where it was found. */
export interface TrustedRevocations {
  readonly list: RevocationList;
  /** Path or URL, for messages. */
  readonly where: string;
  /** The trusted key that signed it. */
  readonly keyid: string;
}

const reason = z.string().check(z.minLength(1), z.maxLength(1000));
const listSchema = z.strictObject({
  schema: z.literal(REVOCATIONS_SCHEMA),
  tool: z.string().check(z.refine(isToolName)),
  issued: z.iso.datetime(),
  versions: z.array(z.strictObject({ version: z.int().check(z.minimum(1)), reason })),
  digests: z.array(
    z.strictObject({
      digest: z.custom<Digest>((value) => typeof value === 'string' && isDigest(value), 'expected sha256:<64 hex>'),
      reason,
    }),
  ),
});

/** The payload: compact JSON, keys in the order of the interface. Same input, same text. */
export function formatRevocationList({ tool, issued, versions, digests }: RevocationList): string {
  return JSON.stringify({
    schema: REVOCATIONS_SCHEMA,
    tool,
    issued,
    versions: versions.map(({ version, reason: why }) => ({ version, reason: why })),
    digests: digests.map(({ digest, reason: why }) => ({ digest, reason: why })),
  });
}

/** @throws IntegrityError `MALFORMED`, `TOO_LARGE`. */
export function parseRevocationList(payload: Uint8Array, where: string): RevocationList {
  const parsed = listSchema.safeParse(parseStrictJson(payload, where));
  if (!parsed.success) throw malformed(where, `not a list of revocations: ${describeIssues(parsed.error)}`);
  const { tool, issued, versions, digests } = parsed.data;
  return { tool, issued, versions, digests };
}

/** @param key an Ed25519 private key. @returns the bytes of `{tool}.revoked.json`. */
export function signRevocationList(list: RevocationList, key: KeyObject): Uint8Array {
  const payload = Buffer.from(formatRevocationList(list));
  return Buffer.from(formatEnvelope(signEnvelope(REVOCATIONS_PAYLOAD_TYPE, payload, key)));
}

/**
 * Reads a signed list and fails closed: whoever cannot tell what is revoked must not go on.
 * @param where path or URL that it was read from.
 * @throws PolicyError `ATTESTATION_UNTRUSTED` when nobody signed it whom the policy trusts, `ATTESTATION_WRONG` when it is
 * forged or another tool's; IntegrityError `MALFORMED`, `TOO_LARGE`.
 */
export function verifyRevocations(
  bytes: Uint8Array,
  { where, tool, keys }: { readonly where: string; readonly tool: string; readonly keys: readonly TrustedKey[] },
): TrustedRevocations {
  const envelope = parseEnvelope(bytes, where);
  if (envelope.payloadType !== REVOCATIONS_PAYLOAD_TYPE) {
    throw notBelieved('ATTESTATION_WRONG', where, 'what is signed there is not a list of revocations');
  }
  const verdict = verifyEnvelope(envelope, keys);
  if (verdict.status === 'untrusted') throw notBelieved('ATTESTATION_UNTRUSTED', where, verdict.reason);
  if (verdict.status === 'wrong') throw notBelieved('ATTESTATION_WRONG', where, verdict.reason);
  const list = parseRevocationList(envelope.payload, where);
  if (list.tool === tool) return { list, where, keyid: verdict.keyid };
  throw notBelieved('ATTESTATION_WRONG', where, `it is of the tool ${list.tool}, not of ${tool}`);
}

function notBelieved(code: 'ATTESTATION_UNTRUSTED' | 'ATTESTATION_WRONG', where: string, why: string): PolicyError {
  return new PolicyError(code, `the list of revocations ${where} does not count: ${why}`, {
    hint: 'it has to be signed by one of "attestation.publicKeys"; until then nobody knows what is revoked',
    details: { where, reason: why },
  });
}

/**
 * Refuses an artifact that any list revokes: by its digest, or by its version.
 * @throws PolicyError `REVOKED` with the reason.
 */
export function refuseRevoked(lists: readonly TrustedRevocations[], subject: AttestationSubject): void {
  for (const { list, where } of lists) {
    const why = reasonIn(list, subject);
    if (why !== undefined) throw revoked(subject, why, where);
  }
}

function reasonIn(
  { tool, versions, digests }: RevocationList,
  { name, digest }: AttestationSubject,
): string | undefined {
  const byDigest = digests.find((entry) => entry.digest === digest);
  if (byDigest !== undefined) return byDigest.reason;
  const artifact = artifactNameFrom(name);
  if (artifact?.tool !== tool) return undefined;
  return versions.find((entry) => entry.version === artifact.version)?.reason;
}

function revoked({ name, digest }: AttestationSubject, why: string, where: string): PolicyError {
  return new PolicyError('REVOKED', `${name} is revoked: ${why}`, {
    hint: 'use a version that is not: update the project, or ask who signed that list',
    details: { name, digest, reason: why, list: where },
  });
}

/**
 * What others revoke and a list does not: versions as `v3`, then digests, each once. Who signed an edition, and when, does
 * not matter: editions only grow, so that one which lacks something is an older one.
 */
export function missingFrom(list: RevocationList, others: readonly TrustedRevocations[]): readonly string[] {
  const versions = others.flatMap((other) => other.list.versions).map(({ version }) => version);
  const digests = others.flatMap((other) => other.list.digests).map(({ digest }) => digest);
  const missing = [
    ...versions.filter((version) => !list.versions.some((has) => has.version === version)).map((each) => `v${each}`),
    ...digests.filter((digest) => !list.digests.some((has) => has.digest === digest)),
  ];
  return [...new Set(missing)];
}

/** What is to be revoked, for one reason. */
export interface Revocation {
  readonly versions: readonly number[];
  readonly digests: readonly Digest[];
  readonly reason: string;
}

/**
 * The next edition of a list. Nothing is ever taken out, and what is there keeps its reason.
 * @param earlier undefined for the first edition.
 * @param now milliseconds since 1970; the edition is never older than the earlier one.
 * @returns undefined when everything is revoked already.
 */
export function extendRevocations(
  tool: string,
  earlier: RevocationList | undefined,
  { versions, digests, reason: why }: Revocation,
  now: number,
): RevocationList | undefined {
  const { versions: hadVersions = [], digests: hadDigests = [] } = earlier ?? {};
  const newVersions = [...new Set(versions)].filter((version) => !hadVersions.some((had) => had.version === version));
  const newDigests = [...new Set(digests)].filter((digest) => !hadDigests.some((had) => had.digest === digest));
  if (newVersions.length === 0 && newDigests.length === 0) return undefined;
  return {
    tool,
    issued: new Date(Math.max(now, earlier === undefined ? 0 : Date.parse(earlier.issued) + 1)).toISOString(),
    versions: [...hadVersions, ...newVersions.map((version) => ({ version, reason: why }))],
    digests: [...hadDigests, ...newDigests.map((digest) => ({ digest, reason: why }))],
  };
}
