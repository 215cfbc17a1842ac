import { createDigester, verifyExpected, type Digest } from '../../core/digest.ts';
import type { Reply } from '../../transfer/reply.ts';
import { verifySaidDigest, type RegistrySession } from './session.ts';

/** The size of a blob that the repository has; undefined when it has none. @throws as `RegistrySession.expect`. */
export async function statBlob(
  session: RegistrySession,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const request = { method: 'HEAD', to: `blobs/${digest}`, right: 'pull', retry: true, signal } as const;
  const reply = await session.expect([200, 404], request);
  reply.discard();
  return reply.status === 200 ? (reply.size ?? 0) : undefined;
}

/**
 * Opens a blob. Its bytes are not verified here, but what the registry says of them is.
 * @returns undefined when the repository has none.
 * @throws IntegrityError `DIGEST_MISMATCH`; as `RegistrySession.expect`.
 */
export async function openBlob(
  session: RegistrySession,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<Reply | undefined> {
  const request = { method: 'GET', to: `blobs/${digest}`, right: 'pull', retry: true, resume: true, signal } as const;
  const reply = await session.expect([200, 404], request);
  if (reply.status === 404) {
    reply.discard();
    return undefined;
  }
  verifySaidDigest(reply, digest);
  return reply;
}

/**
 * Bytes that are compared with their digest while they pass: for who asked by a name, and has nothing to compare with.
 * Not a generator: one that is ended before it began would leave the connection open.
 * @returns an iterable for one iteration, which throws IntegrityError `DIGEST_MISMATCH` after the last byte.
 */
export function verifiedBytes({ bytes, url }: Reply, digest: Digest): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = bytes[Symbol.asyncIterator]();
      const digester = createDigester();
      return {
        async next() {
          const piece = await pieces.next();
          if (piece.done === true) verifyExpected(url, { digest }, { size: digester.size, digest: digester.finish() });
          else digester.update(piece.value);
          return piece;
        },
        return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
      };
    },
  };
}
