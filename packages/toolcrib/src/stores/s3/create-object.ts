import { Readable } from 'node:stream';
import type { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { digestHex } from '../../core/digest.ts';
import { retry, TransientFailure } from '../../transfer/retry.ts';
import { RemoteError } from '../../core/errors.ts';
import type { ByteSource } from '../store.ts';
import { objectKey, objectUrl } from './address.ts';
import { answerOf } from './answer.ts';
import { withoutBody } from './client.ts';
import type { S3Session } from './session.ts';

type Outcome = 'created' | 'exists';

/**
 * Creates an object by one conditional `PutObject`: completing a multipart upload is not conditional everywhere. The
 * digest goes along twice: signed as the payload's hash and as S3's own checksum, so that a server which checks either
 * refuses bytes that changed on the way.
 */
export async function createObject(
  session: S3Session,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  return await retry(() => putOrLook(session, name, source, signal), { ...session.options, signal });
}

/** After a failure that leaves open what became of the object, looks: the answer may be all that was lost. */
async function putOrLook(
  session: S3Session,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  try {
    return await session.attempt(`PUT ${objectUrl(session.reference, name)}`, signal, (client) =>
      put(client, session, name, source, signal),
    );
  } catch (error) {
    if (error instanceof TransientFailure && (await isThere(session, name, signal))) return 'exists';
    throw error;
  }
}

async function put(
  client: S3Client,
  session: S3Session,
  name: string,
  source: ByteSource,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const upload = openUpload(source, signal);
  try {
    const command = await putCommand(session, name, source, upload.body);
    await client.send(command, { abortSignal: upload.signal });
    return 'created';
  } catch (error) {
    if (answerOf(error)?.status === 412) return 'exists';
    throw upload.failure() ?? error;
  } finally {
    upload.end();
  }
}

async function putCommand(
  { reference }: S3Session,
  name: string,
  source: ByteSource,
  body: Readable,
): Promise<PutObjectCommand> {
  const { PutObjectCommand } = await import('./sdk.ts');
  const hex = digestHex(source.digest);
  const command = new PutObjectCommand({
    Bucket: reference.bucket,
    Key: objectKey(reference, name),
    Body: body,
    ContentLength: source.size,
    ContentType: 'application/octet-stream',
    IfNoneMatch: '*',
    ChecksumSHA256: Buffer.from(hex, 'hex').toString('base64'),
    ...(reference.acl !== undefined && { ACL: reference.acl }),
  });
  command.middlewareStack.add(
    (next) => (args) => {
      if (hasHeaders(args.request)) args.request.headers['x-amz-content-sha256'] = hex;
      return next(args);
    },
    { step: 'build', name: 'signPayloadDigest' },
  );
  return command;
}

function hasHeaders(request: unknown): request is { headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'headers' in request;
}

interface Upload {
  readonly body: Readable;
  /** Ends the request when the source fails, which the SDK alone would wait for forever. */
  readonly signal: AbortSignal;
  /** What the source threw, if it did. */
  failure(): unknown;
  /** The request is over, well or badly. */
  end(): void;
}

function openUpload(source: ByteSource, signal: AbortSignal | undefined): Upload {
  const body = Readable.from(source.open(), { objectMode: false });
  const controller = new AbortController();
  let failure: unknown;
  body.on('error', (error) => {
    failure ??= error;
    controller.abort(error);
  });
  // Not AbortSignal.any: under load Node 24 lost aborts of combined signals.
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  return {
    body,
    signal: controller.signal,
    failure: () => failure,
    end() {
      signal?.removeEventListener('abort', onAbort);
      body.destroy();
    },
  };
}

/** False also when nobody can say: then the next attempt will tell. */
async function isThere(session: S3Session, name: string, signal: AbortSignal | undefined): Promise<boolean> {
  const { HeadObjectCommand } = await import('./sdk.ts');
  const { reference } = session;
  try {
    await session.attempt(`HEAD ${objectUrl(reference, name)}`, signal, (client) =>
      client.send(
        new HeadObjectCommand({ Bucket: reference.bucket, Key: objectKey(reference, name) }),
        withoutBody(session.options, signal),
      ),
    );
    return true;
  } catch (error) {
    if (error instanceof RemoteError || error instanceof TransientFailure) return false;
    throw error;
  }
}
