import { createHash } from 'node:crypto';
import { IntegrityError, UsageError } from './errors.ts';

/** `sha256:<64 lowercase hex>`, the only way bytes are named here. */
export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HEX = /^[0-9a-fA-F]{64}$/;

export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** @throws UsageError `DIGEST_INVALID` unless the text is `sha256:<64 lowercase hex>`. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new UsageError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text)}, expected sha256:<64 lowercase hex>`, {
    hint: 'SHA256SUMS has it without "sha256:"; "toolcrib status --json" tells it as it is written here',
  });
}

/** Reads bare hex as `sha256sum` prints it, upper case tolerated; undefined when it is not 64 hex digits. */
export function digestFromHex(hex: string): Digest | undefined {
  return HEX.test(hex) ? `sha256:${hex.toLowerCase()}` : undefined;
}

/** The 64 hex digits of a digest. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** Digests and measures bytes while they pass by. */
export interface Digester {
  update(bytes: Uint8Array): void;
  /** Bytes seen so far. */
  readonly size: number;
  /** Ends the digester; call it once. */
  finish(): Digest;
}

export function createDigester(): Digester {
  const hash = createHash('sha256');
  let size = 0;
  return {
    update(bytes) {
      hash.update(bytes);
      size += bytes.byteLength;
    },
    get size() {
      return size;
    },
    finish: () => `sha256:${hash.digest('hex')}`,
  };
}

/** What is known about bytes before they are seen. */
export interface Expected {
  readonly digest: Digest;
  /** In bytes; absent when nobody said it. */
  readonly size?: number;
}

/**
 * Compares what was measured with what was pinned.
 * @throws IntegrityError `SIZE_MISMATCH` or `DIGEST_MISMATCH`, naming expected and actual.
 */
export function verifyExpected(what: string, expected: Expected, actual: { digest: Digest; size: number }): void {
  if (expected.size !== undefined && expected.size !== actual.size) {
    throw new IntegrityError('SIZE_MISMATCH', `${what} has ${actual.size} bytes, expected ${expected.size}`, {
      hint: 'the bytes were truncated or replaced; nothing of them was kept',
      details: { expected: expected.size, actual: actual.size },
    });
  }
  if (expected.digest !== actual.digest) {
    throw new IntegrityError('DIGEST_MISMATCH', `${what} has digest ${actual.digest}, expected ${expected.digest}`, {
      hint: 'these are not the pinned bytes; nothing of them was kept. Compare the store with the sums file in git',
      details: { expected: expected.digest, actual: actual.digest },
    });
  }
}
