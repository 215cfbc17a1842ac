import type { FastifyReply, FastifyRequest } from 'fastify';
import { answerFile } from './file-answer.ts';
import type { ServedFile } from './served-folder.ts';

/** Bytes read at a time. */
const BLOCK = 256 * 1024;

/** Answers a GET or HEAD request with a file, and closes it. */
export async function sendFile(request: FastifyRequest, reply: FastifyReply, file: ServedFile): Promise<FastifyReply> {
  // A range is for GET (RFC 9110, 14.2).
  const { range: asked, ...others } = request.headers;
  const wanted = request.method === 'GET' && asked !== undefined ? { ...others, range: asked } : others;
  const { status, headers, range } = answerFile(wanted, file);
  void reply.code(status).headers(headers);
  if (range === undefined || request.method === 'HEAD') {
    await file.handle.close();
    return await reply.send();
  }
  // The stream closes the file at its end, and when the connection breaks.
  return await reply.send(file.handle.createReadStream({ ...range, highWaterMark: BLOCK }));
}
