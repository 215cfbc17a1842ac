import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { RemoteError } from '../../core/errors.ts';
import { paceOf } from '../../transfer/pace.ts';
import { readUpTo } from '../../transfer/reply.ts';
import { readBody } from '../../transfer/response-body.ts';
import { retry, RETRY_POLICY } from '../../transfer/retry.ts';
import type { WriteProbeOutcome } from '../write-probe.ts';
import { objectUrl } from './address.ts';
import { answerOf, isNoCredentials } from './answer.ts';
import { withoutBody } from './client.ts';
import { removeWritten, type Written } from './remove-written.ts';
import type { S3Session } from './session.ts';

const FIRST = 'the first\n';
const SECOND = 'the second\n';

/**
 * Creates an object, and creates it again; takes away whatever may have been written, whether that was answered or not.
 * @throws RemoteError `REMOTE_REFUSED` that names the object when it stays, or may; as `WriteInspector.probe`.
 */
export async function probeWrites(
  session: S3Session,
  key: string,
  signal: AbortSignal | undefined,
): Promise<WriteProbeOutcome> {
  const written: Written[] = [];
  try {
    await createFirst({ session, key, written, signal });
    const isTaken = await create({ session, key, written, signal }, SECOND);
    return isTaken || (await read(session, key, signal)) !== FIRST ? 'overwrites' : 'write-once';
  } finally {
    await removeWritten(session, key, written);
  }
}

interface Creation {
  readonly session: S3Session;
  readonly key: string;
  /** What there is to take away again. */
  readonly written: Written[];
  readonly signal: AbortSignal | undefined;
}

/** What stands there was not made by this probe, which takes nothing of it away. */
async function createFirst(creation: Creation): Promise<void> {
  if (await create(creation, FIRST)) return;
  const { key, session } = creation;
  throw new RemoteError('REMOTE_REFUSED', `the bucket ${session.reference.bucket} says that it has ${key} already`, {
    hint: 'try again: each probe has a name of its own',
  });
}

/**
 * Once: an answer that was lost would make the next attempt find the file of this one.
 * @returns false when the server says that there is such an object.
 */
async function create({ session, key, written, signal }: Creation, text: string): Promise<boolean> {
  const { PutObjectCommand } = await import('./sdk.ts');
  const { reference, options } = session;
  const { bucket, acl } = reference;
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: text,
    IfNoneMatch: '*',
    ...(acl && { ACL: acl }),
  });
  const put = async (client: S3Client): Promise<boolean> => {
    try {
      written.push({ version: (await client.send(command, abortOf(signal))).VersionId, isCertain: true });
      return true;
    } catch (error) {
      if (answerOf(error)?.status === 412) return false;
      if (mayHaveWritten(error)) written.push({ version: undefined, isCertain: false });
      throw error;
    }
  };
  const attempt = () => session.attempt(`PUT ${objectUrl(reference, '')}`, signal, put);
  return await retry(attempt, { ...options, retry: { ...RETRY_POLICY, attempts: 1 }, signal });
}

/** A server may have done what it did not answer, or answered with a failure of its own. */
function mayHaveWritten(error: unknown): boolean {
  const answer = answerOf(error);
  return answer === undefined ? !isNoCredentials(error) : answer.status < 400 || answer.status >= 500;
}

/** What stands there now, and not much more than is expected. */
async function read(session: S3Session, key: string, signal: AbortSignal | undefined): Promise<string> {
  const { GetObjectCommand } = await import('./sdk.ts');
  const { reference, options } = session;
  const what = `GET ${objectUrl(reference, '')}`;
  const command = new GetObjectCommand({ Bucket: reference.bucket, Key: key });
  return await session.repeat(what, signal, async (client) => {
    const { Body } = await client.send(command, withoutBody(options, signal));
    if (!(Body instanceof Readable)) throw new Error('the S3 client gave an answer without a stream');
    const bodyOptions = { what, signal, pace: paceOf(options) };
    const { read: bytes } = await readUpTo(readBody(Body, bodyOptions), FIRST.length, bodyOptions);
    return bytes.toString('utf8');
  });
}

function abortOf(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
