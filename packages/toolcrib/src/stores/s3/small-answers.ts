import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { IntegrityError } from '../../core/errors.ts';
import type { Pace } from '../../transfer/pace.ts';
import { readUpTo } from '../../transfer/reply.ts';
import { readBody, type BodyOptions } from '../../transfer/response-body.ts';

/**
 * Most bytes of an answer that is not an object. A page of a listing is the largest: 1,000 keys of at most 1,024 bytes
 * (Amazon S3 API Reference, "ListObjectsV2"), of which XML makes up to six times as many, and a few hundred for each.
 */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

interface Response {
  readonly statusCode: number;
  body: unknown;
}

/**
 * Keeps a server from filling the memory, and from taking its time: the SDK collects the whole of whatever has to be
 * parsed, an error of it too. Only the bytes of an object are left alone, which nobody collects.
 * @param what is asked, for messages.
 */
export function limitAnswers(client: S3Client, what: string, pace: Pace): void {
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        const result = await next(args);
        const { response } = result;
        if (isResponse(response) && !(commandName === 'GetObjectCommand' && response.statusCode < 300)) {
          response.body = await collected(response.body, { what, pace, signal: undefined });
        }
        return result;
      },
    // Next to the connection: what parses answers stands before it.
    { step: 'deserialize', priority: 'low', name: 'limitAnswers' },
  );
}

function isResponse(response: unknown): response is Response {
  return typeof response === 'object' && response !== null && 'statusCode' in response && 'body' in response;
}

async function collected(body: unknown, options: BodyOptions): Promise<unknown> {
  if (!(body instanceof Readable)) return body;
  const { read, more } = await readUpTo(readBody(body, options), MAX_ANSWER_BYTES, options);
  if (more) throw tooLarge(options.what);
  return Readable.from(read.byteLength === 0 ? [] : [read], { objectMode: false });
}

function tooLarge(what: string): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${what} answered with more than ${MAX_ANSWER_BYTES} bytes`, {
    hint: 'that is no answer of an S3 server: look at the endpoint of the store',
    details: { maxBytes: MAX_ANSWER_BYTES },
  });
}
