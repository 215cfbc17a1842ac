import { digestOf, isDigest, verifyExpected, type Digest } from '../../core/digest.ts';
import { hasCode } from '../../core/errors.ts';
import { OCI_INDEX_TYPE, OCI_MANIFEST_TYPE } from '../../core/oci-release.ts';
import { onePiece } from '../../core/one-piece.ts';
import type { Reply } from '../../transfer/reply.ts';
import { verifySaidDigest, type RegistrySession } from './session.ts';

/** Registries need not take larger ones (OCI distribution specification 1.1, "Pushing Manifests"). */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A manifest or an index as a registry gave it; its digest is that of its bytes. */
export interface PulledManifest {
  readonly bytes: Buffer;
  readonly digest: Digest;
  /** Where it comes from, for messages. */
  readonly url: string;
}

/**
 * @param to a tag or a digest.
 * @returns undefined when there is none, or no such repository.
 * @throws IntegrityError `DIGEST_MISMATCH` when it is not what its digest or its header says, `TOO_LARGE`; as
 * `RegistrySession.expect`.
 */
export async function pullManifest(
  session: RegistrySession,
  to: string,
  signal: AbortSignal | undefined,
): Promise<PulledManifest | undefined> {
  const headers = { accept: `${OCI_INDEX_TYPE}, ${OCI_MANIFEST_TYPE}, */*;q=0.1` };
  const request = { method: 'GET', to: `manifests/${to}`, right: 'pull', headers, retry: true, signal } as const;
  const reply = await session.expect([200, 404], request);
  if (reply.status === 404) {
    reply.discard();
    return undefined;
  }
  const bytes = await reply.whole(MAX_MANIFEST_BYTES);
  const digest = digestOf(bytes);
  if (isDigest(to)) verifyExpected(reply.url, { digest: to }, { digest, size: bytes.byteLength });
  verifySaidDigest(reply, digest);
  return { bytes, digest, url: reply.url };
}

/**
 * @param to a tag, or the digest of the bytes.
 * @throws IntegrityError `DIGEST_MISMATCH` when the registry says that it has something else; as
 * `RegistrySession.expect`.
 */
export async function pushManifest(
  session: Pick<RegistrySession, 'expect'>,
  to: string,
  content: { readonly bytes: Uint8Array; readonly mediaType: string },
  signal: AbortSignal | undefined,
): Promise<Reply> {
  const { bytes, mediaType } = content;
  const put = (): Promise<Reply> =>
    session.expect([201], {
      method: 'PUT',
      to: `manifests/${to}`,
      right: 'push',
      headers: { 'content-type': mediaType },
      body: { size: bytes.byteLength, open: () => onePiece(bytes) },
      retry: true,
      signal,
    });
  const reply = await insist(put);
  reply.discard();
  verifySaidDigest(reply, digestOf(bytes));
  return reply;
}

/** So often a registry is asked again that calls right bytes wrong. */
const REPEATS = 2;

/**
 * While others publish what shares a blob, a registry may for a moment refuse right bytes as those of another digest:
 * docker-registry was seen to, when two publishers raced.
 */
async function insist(put: () => Promise<Reply>): Promise<Reply> {
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    try {
      return await put();
    } catch (error) {
      if (!hasCode(error, 'DIGEST_MISMATCH')) throw error;
    }
  }
  return await put();
}
