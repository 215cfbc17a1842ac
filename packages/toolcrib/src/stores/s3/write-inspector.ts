import type { S3Client } from '@aws-sdk/client-s3';
import { messageOf, RemoteError } from '../../core/errors.ts';
import { retry, RETRY_POLICY } from '../../transfer/retry.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { writeProbeName, type WriteInspector, type WriteOutlook, type WriteProbeOutcome } from '../write-probe.ts';
import { objectKey, objectUrl, type S3Reference } from './address.ts';
import { answerOf } from './answer.ts';
import { openSession, type S3Session } from './session.ts';

/** Time to take away what was written after an abort, in milliseconds. */
const CLEANUP_MS = 5000;

/** Whether a bucket can be published to. Credentials are found as every AWS tool finds them. */
export function inspectBucketWrites(reference: S3Reference, options: TransferOptions): WriteInspector {
  const session = openSession(reference, options, undefined);
  return {
    look: (signal) => lookAt(session, signal),
    probe: ({ suffix, signal }) => probe(session, objectKey(reference, writeProbeName(suffix)), signal),
    close: () => session.close(),
  };
}

/** A bucket that keeps versions is what some servers make no exception for: Ceph RGW 16 overwrites there. */
async function lookAt(session: S3Session, signal: AbortSignal | undefined): Promise<WriteOutlook> {
  const { GetBucketVersioningCommand } = await import('./sdk.ts');
  const { bucket } = session.reference;
  const answer = await session.repeat(`GET ${objectUrl(session.reference, '')}?versioning`, signal, (client) =>
    client.send(new GetBucketVersioningCommand({ Bucket: bucket }), abortOf(signal)),
  );
  const isVersioned = answer.Status === 'Enabled';
  const text = isVersioned ? 'the bucket keeps versions' : 'the bucket keeps no versions';
  return { isThere: true, writable: null, mayOverwrite: isVersioned, text };
}

async function probe(session: S3Session, key: string, signal: AbortSignal | undefined): Promise<WriteProbeOutcome> {
  const written: Created[] = [];
  try {
    for (const text of ['the first\n', 'the second\n']) {
      const created = await create(session, key, text, signal);
      if (created !== 'exists') written.push(created);
    }
    return written.length > 1 ? 'overwrites' : 'write-once';
  } finally {
    for (const { version } of written) await remove(session, key, version);
  }
}

interface Created {
  /** What it is kept as, in a bucket that keeps versions. */
  readonly version: string | undefined;
}

/** Once: an answer that was lost would make the next attempt find the file of this one. */
async function create(
  session: S3Session,
  key: string,
  text: string,
  signal: AbortSignal | undefined,
): Promise<Created | 'exists'> {
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
  const put = async (client: S3Client): Promise<Created | 'exists'> => {
    try {
      return { version: (await client.send(command, abortOf(signal))).VersionId };
    } catch (error) {
      if (answerOf(error)?.status === 412) return 'exists';
      throw error;
    }
  };
  const attempt = () => session.attempt(`PUT ${objectUrl(reference, '')}`, signal, put);
  return await retry(attempt, { ...options, retry: { ...RETRY_POLICY, attempts: 1 }, signal });
}

async function remove(session: S3Session, key: string, version: string | undefined): Promise<void> {
  const { DeleteObjectCommand } = await import('./sdk.ts');
  const { bucket } = session.reference;
  const signal = AbortSignal.timeout(CLEANUP_MS);
  const command = new DeleteObjectCommand({
    Bucket: bucket,
    Key: key,
    ...(version !== undefined && { VersionId: version }),
  });
  try {
    await session.repeat(`DELETE ${objectUrl(session.reference, '')}`, signal, (client) =>
      client.send(command, abortOf(signal)),
    );
  } catch (error) {
    throw new RemoteError(
      'REMOTE_REFUSED',
      `${key} was created in the bucket ${bucket}, and stays: ${messageOf(error)}`,
      {
        hint: 'remove it: it is part of no release; these credentials need s3:DeleteObject for that',
        cause: error,
      },
    );
  }
}

function abortOf(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}
