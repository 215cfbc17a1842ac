import type { Digest } from '../../core/digest.ts';
import { RemoteError } from '../../core/errors.ts';
import { onePiece } from '../../core/one-piece.ts';
import { mayPass, passingFailure } from '../../transfer/passing-status.ts';
import type { Reply } from '../../transfer/reply.ts';
import { retry } from '../../transfer/retry.ts';
import type { ByteSource } from '../store.ts';
import { statBlob } from './blobs.ts';
import { chunksOf } from './chunks.ts';
import { urlOf, verifySaidDigest, type RegistryRequest, type RegistrySession } from './session.ts';

/** How a blob comes into a repository. */
export interface PushOptions {
  /** Another repository of the same registry that may have it: then it is mounted instead of sent. */
  readonly mountFrom?: string | undefined;
  /** In bytes: larger ones are sent in chunks. */
  readonly chunkedFrom?: number | undefined;
  /** Of a chunk, in bytes, unless the registry wants larger ones. */
  readonly chunkSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One request carries that much; proxies before registries often take no more than some hundred megabytes. */
const CHUNKED_FROM = 256 * 1024 * 1024;
const CHUNK_SIZE = 16 * 1024 * 1024;
/** A chunk is held in memory, to be sent again: a registry that wants larger ones is not served. */
const MAX_CHUNK_SIZE = 256 * 1024 * 1024;

/** Answers of who takes no upload in one request, or not of that size. */
const NOT_IN_ONE: readonly number[] = [405, 411, 413, 501];

/**
 * Brings content into a repository; whoever reads it sees it whole or not at all, for a registry shows it after its digest
 * matched (OCI distribution specification 1.1, "Pushing blobs").
 * @returns `exists` when the repository had it.
 * @throws IntegrityError `DIGEST_MISMATCH` when the registry got other bytes; RemoteError `UNREACHABLE`,
 * `REMOTE_REFUSED`; whatever the source throws; the signal's reason.
 */
export async function pushBlob(
  session: RegistrySession,
  source: ByteSource,
  options: PushOptions = {},
): Promise<'created' | 'exists'> {
  const { signal } = options;
  let inChunks = source.size > (options.chunkedFrom ?? CHUNKED_FROM);
  const attempt = async (): Promise<'created' | 'exists'> => {
    if ((await statBlob(session, source.digest, signal)) !== undefined) return 'exists';
    const upload = await openUpload(session, source.digest, options);
    if (upload === 'mounted') return 'created';
    if (!inChunks) inChunks = !(await sendWhole(session, upload, source, signal));
    if (inChunks) await sendChunks(session, upload, source, options);
    return 'created';
  };
  return await retry(attempt, { ...session.options, signal });
}

/** A session of the registry that waits for bytes. */
interface Upload {
  /** Where they go, absolute. */
  readonly location: string;
  /** Of a chunk, in bytes, as the registry wants it. */
  readonly minChunk: number;
}

async function openUpload(
  session: RegistrySession,
  digest: Digest,
  { mountFrom, signal }: PushOptions,
): Promise<Upload | 'mounted'> {
  const query =
    mountFrom === undefined ? '' : `?mount=${encodeURIComponent(digest)}&from=${encodeURIComponent(mountFrom)}`;
  const reply = await once(session, [201, 202], {
    method: 'POST',
    to: `blobs/uploads/${query}`,
    right: 'push',
    signal,
  });
  if (reply.status === 201) return 'mounted';
  const minChunk = Number(reply.headers.get('oci-chunk-min-length') ?? 0);
  const location = locationOf(session, session.address.base, reply);
  return { location, minChunk: Number.isSafeInteger(minChunk) ? minChunk : 0 };
}

/** @returns false when the registry wants chunks; the session is still open then. */
async function sendWhole(
  session: RegistrySession,
  { location }: Upload,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const reply = await once(session, [201, ...NOT_IN_ONE], {
    method: 'PUT',
    to: closing(location, source.digest),
    right: 'push',
    headers: { 'content-type': 'application/octet-stream' },
    body: source,
    signal,
  });
  if (reply.status === 201) verifySaidDigest(reply, source.digest);
  return reply.status === 201;
}

async function sendChunks(
  session: RegistrySession,
  { location, minChunk }: Upload,
  source: ByteSource,
  { chunkSize = CHUNK_SIZE, signal }: PushOptions,
): Promise<void> {
  if (minChunk > MAX_CHUNK_SIZE) throw chunksTooLarge(session, minChunk);
  let to = location;
  let start = 0;
  for await (const chunk of chunksOf(source.open(), Math.max(chunkSize, minChunk))) {
    to = await sendChunk(session, { to, start, chunk }, signal);
    start += chunk.byteLength;
  }
  const request = { method: 'PUT', to: closing(to, source.digest), right: 'push', signal } as const;
  verifySaidDigest(await once(session, [201], request), source.digest);
}

/** @returns where the next one goes. */
async function sendChunk(
  session: RegistrySession,
  { to, start, chunk }: { readonly to: string; readonly start: number; readonly chunk: Uint8Array },
  signal: AbortSignal | undefined,
): Promise<string> {
  const reply = await once(session, [202], {
    method: 'PATCH',
    to,
    right: 'push',
    headers: {
      'content-type': 'application/octet-stream',
      'content-range': `${start}-${start + chunk.byteLength - 1}`,
    },
    body: { size: chunk.byteLength, open: () => onePiece(chunk) },
    signal,
  });
  return locationOf(session, to, reply);
}

/** One request of an upload. What may pass begins the upload anew: a session that is lost does not come back. */
async function once(session: RegistrySession, statuses: readonly number[], request: RegistryRequest): Promise<Reply> {
  const reply = await session.send(request);
  if (statuses.includes(reply.status)) {
    reply.discard();
    return reply;
  }
  if (mayPass(reply.status)) {
    reply.discard();
    throw passingFailure(request.method, reply, session.options.clock);
  }
  throw await session.failure(reply, request);
}

function locationOf(session: RegistrySession, asked: string, reply: Reply): string {
  const location = reply.headers.get('location');
  if (location !== undefined) return urlOf({ base: asked }, location);
  throw new RemoteError('REMOTE_REFUSED', `${reply.url} answered ${reply.status} without a Location`, {
    hint: 'the registry does not follow the protocol: tell its operators',
    details: { status: reply.status, repository: session.address.repository },
  });
}

/** As text, because parsing and writing it again might change what the registry put into it. */
function closing(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

function chunksTooLarge({ address }: RegistrySession, minChunk: number): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${address.base} wants chunks of ${minChunk} bytes at least`, {
    hint: `toolcrib sends chunks of ${MAX_CHUNK_SIZE} bytes at most`,
    details: { minChunk },
  });
}
