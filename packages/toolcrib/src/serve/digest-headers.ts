import type { IncomingHttpHeaders } from 'node:http';
import { digestFromHex, digestHex, type Digest } from '../core/digest.ts';
import { Refusal } from './refusal.ts';

/** The strong entity tag of bytes with that digest (RFC 9110, 8.8.3). */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** What says the digest of a whole file: RFC 9530, and bare hex as stores of extensions say it. */
export function digestHeaders(digest: Digest): Readonly<Record<'repr-digest' | 'x-artifact-sha256', string>> {
  const hex = digestHex(digest);
  return { 'repr-digest': `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`, 'x-artifact-sha256': hex };
}

/**
 * The digest that a client says its bytes have, in either header; undefined when it says none. Others than SHA-256 are
 * passed over, as RFC 9530 wants it.
 * @throws Refusal 400 for a digest that is none, and for two that differ.
 */
export function announcedDigest(headers: IncomingHttpHeaders): Digest | undefined {
  const announced = [bareDigest(headers['x-artifact-sha256']), reprDigest(headers['repr-digest'])].filter(
    (digest) => digest !== undefined,
  );
  if (new Set(announced).size > 1) throw new Refusal(400, 'repr-digest and x-artifact-sha256 contradict each other');
  return announced[0];
}

function bareDigest(header: string | readonly string[] | undefined): Digest | undefined {
  if (header === undefined) return undefined;
  const digest = digestFromHex(String(header));
  if (digest === undefined) throw new Refusal(400, 'x-artifact-sha256 is not 64 hex digits');
  return digest;
}

/** A dictionary of byte sequences (RFC 9651): commas stand only between its members. */
function reprDigest(header: string | readonly string[] | undefined): Digest | undefined {
  const member = String(header ?? '')
    .split(',')
    .findLast((each) => /^\s*sha-256\s*(?:=|;|$)/.test(each));
  if (member === undefined) return undefined;
  const base64 = /^\s*sha-256=:(?<base64>[A-Za-z0-9+/]{43}=):\s*(?:;.*)?$/.exec(member)?.groups?.['base64'];
  const digest = digestFromHex(Buffer.from(base64 ?? '', 'base64').toString('hex'));
  if (digest === undefined) throw new Refusal(400, 'repr-digest is not sha-256=:BASE64: of 32 bytes');
  return digest;
}
