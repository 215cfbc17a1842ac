import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { RemoteError } from '../../core/errors.ts';
import { refuseCoded } from '../../transfer/content-coding.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { paceOf } from '../../transfer/pace.ts';
import { readBody, type BodyOptions } from '../../transfer/response-body.ts';
import { resumeBytes, type AskForRest, type ContinuableReply, type RestHeaders } from '../../transfer/resume.ts';
import { rewriteUrl } from '../../transfer/rewrite.ts';
import type { Transfer } from '../../transfer/transfer.ts';
import type { OpenedFile } from '../store.ts';
import { objectKey, objectUrl, type S3Reference } from './address.ts';
import { withoutBody } from './client.ts';
import { answerOf, isNoCredentials } from './answer.ts';
import type { S3Session } from './session.ts';

/** Reads objects of one bucket. */
export type ObjectReader = (name: string, signal: AbortSignal | undefined) => Promise<OpenedFile | undefined>;

/**
 * Public objects need no credentials and no SDK: plain HTTPS. When that is refused and credentials can be found, the
 * object is asked for again with a signature, so that private buckets work; what was found out is remembered. An object
 * behind a rewrite rule is never asked for at its origin. What stays refused may be there: it is not called missing.
 */
export function objectReader(session: S3Session, transfer: Transfer): ObjectReader {
  let way: 'plain' | 'unsigned-only' | 'signed' = 'plain';
  return async (name, signal) => {
    if (way === 'signed') return await readSigned(session, name, signal);
    const url = objectUrl(session.reference, name);
    const plain = await readPlain(transfer, url, signal);
    if (plain !== 'forbidden') return plain;
    const effective = rewriteUrl(url, session.options.rewrite);
    if (way === 'unsigned-only' || effective !== url) throw notGivenOut(effective);
    try {
      const signed = await readSigned(session, name, signal);
      if (signed !== undefined) way = 'signed';
      return signed;
    } catch (error) {
      if (!(error instanceof RemoteError) || !isNoCredentials(error.cause)) throw error;
      way = 'unsigned-only';
      throw notGivenOut(url);
    }
  };
}

/** Reads what everybody may, by plain HTTPS. A 403 may stand for what is missing, and for what is private. */
export function anonymousReader(reference: S3Reference, transfer: Transfer): ObjectReader {
  return (name, signal) => transfer.get(objectUrl(reference, name), { forbiddenIsMissing: false, signal });
}

async function readPlain(
  transfer: Transfer,
  url: string,
  signal: AbortSignal | undefined,
): Promise<OpenedFile | 'forbidden' | undefined> {
  try {
    return await transfer.get(url, { forbiddenIsMissing: false, signal });
  } catch (error) {
    if (error instanceof RemoteError && error.code === 'REMOTE_REFUSED' && error.details['status'] === 403) {
      return 'forbidden';
    }
    throw error;
  }
}

async function readSigned(
  session: S3Session,
  name: string,
  signal: AbortSignal | undefined,
): Promise<OpenedFile | undefined> {
  const { reference, options } = session;
  const url = displayUrl(objectUrl(reference, name));
  const what = `GET ${url}`;
  const get = async (client: S3Client, rest?: RestHeaders): Promise<ContinuableReply> => {
    const { GetObjectCommand } = await import('./sdk.ts');
    // The SDK knows no If-Range: this one is answered by 412 instead of by another file.
    const part = rest && { Range: rest.range, IfMatch: rest['if-range'] };
    const command = { Bucket: reference.bucket, Key: objectKey(reference, name), ...part };
    const answer = await client.send(new GetObjectCommand(command), withoutBody(options, signal));
    if (!(answer.Body instanceof Readable)) throw new Error('the S3 client gave an answer without a stream');
    const reply = replyOf(answer, answer.Body, { url, signal, pace: paceOf(options) });
    refuseCoded('GET', reply);
    return reply;
  };
  const reply = await session.repeat(what, signal, async (client) => {
    try {
      return await get(client);
    } catch (error) {
      const { status, code } = answerOf(error) ?? {};
      if (code === 'NoSuchKey') return undefined;
      throw status === 403 && code === 'AccessDenied' ? notGivenOut(objectUrl(reference, name)) : error;
    }
  });
  const askForRest: AskForRest = (rest) => session.attempt(what, signal, (client) => get(client, rest));
  return reply && { size: reply.size, url, bytes: resumeBytes(reply, askForRest, { ...options, signal }) };
}

function replyOf(
  answer: GetObjectCommandOutput,
  body: Readable,
  { url, ...options }: Omit<BodyOptions, 'what'> & { readonly url: string },
): ContinuableReply {
  const headers = {
    etag: answer.ETag,
    'content-range': answer.ContentRange,
    'content-encoding': answer.ContentEncoding,
  };
  return {
    status: answer.$metadata.httpStatusCode ?? 200,
    url,
    size: answer.ContentLength,
    headers: new Map(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    bytes: readBody(body, { what: `GET ${url}`, ...options }),
    discard: () => void body.destroy(),
  };
}

/** Without the right to list, S3 answers so for what is missing as well (API Reference, "GetObject"). */
function notGivenOut(url: string): RemoteError {
  const hint =
    'reading needs credentials with s3:GetObject, or a bucket policy that gives it to everybody; with s3:ListBucket, ' +
    'too, the store says what is missing';
  return new RemoteError(
    'REMOTE_REFUSED',
    `GET ${displayUrl(url)} answered 403 AccessDenied: not there, or not for you`,
    { hint, details: { status: 403, code: 'AccessDenied', mayBeMissing: true, url: displayUrl(url) } },
  );
}
