import { createHmac } from 'node:crypto';
import { UsageError } from '../../core/errors.ts';
import type { Random } from '../run-spec.ts';

/** Keys the digests in placeholders: the same secret gives the same placeholder under one key, and tells nothing else. */
export interface RedactionKey {
  /** Never written into an archive, never logged. */
  readonly bytes: Uint8Array;
  /** `host_local`: a file that lasts, placeholders of several runs compare. `ephemeral`: they do not. */
  readonly scope: 'host_local' | 'ephemeral';
}

const KEY_BYTES = 32;
const FILE_PREFIX = 'assay-redaction-key-v1:';
const KEY_ID_LABEL = 'assay-redaction-key-id';

/** A key for one run. */
export function createEphemeralKey(random: Random): RedactionKey {
  return { bytes: random(KEY_BYTES), scope: 'ephemeral' };
}

/** The first 8 hex digits of HMAC-SHA-256 of a text under the key. */
export function keyedDigest(key: RedactionKey, text: string): string {
  return createHmac('sha256', key.bytes).update(text).digest('hex').slice(0, 8);
}

/** Names a key without telling it. */
export function redactionKeyId(key: RedactionKey): string {
  return `hmac-sha256:${keyedDigest(key, KEY_ID_LABEL)}`;
}

/** The text of a key file: the prefix, base64url without padding, a newline. */
export function formatRedactionKeyFile(bytes: Uint8Array): string {
  return `${FILE_PREFIX}${Buffer.from(bytes).toString('base64url')}\n`;
}

/**
 * Reads a key file.
 * @param path named in the error, which never quotes the content.
 * @throws UsageError `USAGE`.
 */
export function parseRedactionKeyFile(text: string, path: string): RedactionKey {
  const encoded = /^assay-redaction-key-v1:(?<key>[A-Za-z0-9_-]+)$/.exec(text.trim())?.groups?.['key'];
  const bytes = Buffer.from(encoded ?? '', 'base64url');
  // Less than 16 bytes could be tried out.
  if (bytes.length >= 16 && bytes.toString('base64url') === encoded) return { bytes, scope: 'host_local' };
  throw new UsageError('USAGE', `${path} is not a redaction key`, {
    hint: `a key file holds "${FILE_PREFIX}" and base64url of at least 16 bytes; remove it, and a new one is made`,
    details: { path },
  });
}
