import type { FastifyReply, FastifyRequest } from 'fastify';
import { IntegrityError, RemoteError } from '../core/errors.ts';
import { textOf } from '../core/json-fields.ts';
import { announcedDigest, digestHeaders, entityTag } from './digest-headers.ts';
import type { PublishDoor } from './publish-door.ts';
import { Refusal } from './refusal.ts';
import type { ServedFolder } from './served-folder.ts';

/**
 * Answers a PUT request that creates a file, write-once. Who it is was found out already.
 * @param name under which a folder may hold it.
 * @throws Refusal 400, 408, 411, 412, 413, 415, 500, 503, 507.
 */
export async function receiveUpload(
  request: FastifyRequest,
  reply: FastifyReply,
  {
    folder,
    door,
    name,
  }: { readonly folder: Pick<ServedFolder, 'create'>; readonly door: PublishDoor; readonly name: string },
): Promise<FastifyReply> {
  demandCreateOnly(request);
  const size = door.lengthOf(request.headers);
  const digest = announcedDigest(request.headers);
  const created = await door.run(size, async (signal) => {
    try {
      return await folder.create(name, { size, digest, signal, bytes: bodyOf(request, reply) });
    } catch (error) {
      throw refusalOf(error);
    }
  });
  if (created === 'exists') throw new Refusal(412, `${name} exists already: published files never change`);
  const headers = { etag: entityTag(created), ...digestHeaders(created), 'content-length': '0' };
  return await reply.code(201).headers(headers).send();
}

/** Without the condition a client would think that it may replace a file. */
function demandCreateOnly({ headers }: FastifyRequest): void {
  if (headers['if-none-match']?.trim() !== '*') {
    throw new Refusal(400, 'files are created and never replaced: send "If-None-Match: *"');
  }
  if (headers['content-range'] !== undefined) throw new Refusal(400, 'a file is sent as a whole');
  const coding = headers['content-encoding'] ?? 'identity';
  if (coding !== 'identity') throw new Refusal(415, 'a file is sent as it is, without a content coding');
}

/** Who waits for leave before it sends its body (RFC 9110, 10.1.1) gets it here, when everything else was fine. */
async function* bodyOf(request: FastifyRequest, reply: FastifyReply): AsyncGenerator<Uint8Array> {
  if (waitsForLeave(request)) reply.raw.writeContinue();
  // Not destroyed when it is not read to its end: the answer goes over the same connection.
  const pieces: AsyncIterable<Uint8Array> = request.raw.iterator({ destroyOnReturn: false });
  yield* pieces;
}

/** Whether a client sends its body only when it was told to. */
export function waitsForLeave({ headers }: FastifyRequest): boolean {
  return headers.expect?.toLowerCase() === '100-continue';
}

/** What may be said of a failure; paths of this machine may not. */
function refusalOf(error: unknown): unknown {
  if (error instanceof IntegrityError) {
    return new Refusal(400, 'the bytes that came do not have the announced digest; nothing was kept');
  }
  if (!(error instanceof RemoteError) || error.code !== 'STORAGE') return error;
  const system = textOf(error.details, 'system') ?? 'unknown';
  const isFull = system === 'ENOSPC' || system === 'EDQUOT';
  return new Refusal(isFull ? 507 : 500, `the file could not be stored (${system}); nothing was kept`);
}
