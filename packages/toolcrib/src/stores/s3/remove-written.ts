import { messageOf, RemoteError } from '../../core/errors.ts';
import { objectUrl } from './address.ts';
import type { S3Session } from './session.ts';

/** Time to take away what was written after an abort, in milliseconds. */
const CLEANUP_MS = 5000;

/** A creation that was not refused. */
export interface Written {
  /** What it is kept as, in a bucket that keeps versions; undefined also where the answer was lost. */
  readonly version: string | undefined;
  /** False where no answer told of it. */
  readonly isCertain: boolean;
}

/**
 * Takes away what a probe wrote, also after an abort; all of it is tried, also when something stays.
 * @throws RemoteError `REMOTE_REFUSED` that names what stays, or may.
 */
export async function removeWritten(session: S3Session, key: string, written: readonly Written[]): Promise<void> {
  const ends = await Promise.allSettled(written.map((one) => remove(session, key, one)));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function remove(session: S3Session, key: string, { version, isCertain }: Written): Promise<void> {
  const { bucket } = session.reference;
  const signal = AbortSignal.timeout(CLEANUP_MS);
  try {
    await removeOne(session, key, isCertain ? version : await currentVersion(session, key, signal), signal);
  } catch (error) {
    const what = `${key} ${isCertain ? 'was' : 'may have been'} created in the bucket ${bucket}, and`;
    throw new RemoteError('REMOTE_REFUSED', `${what} ${isCertain ? 'stays' : 'may stay'}: ${messageOf(error)}`, {
      hint: 'remove it: it is part of no release; these credentials need s3:DeleteObject for that',
      cause: error,
    });
  }
}

/** What the object is kept as whose creation was not answered; undefined too where that cannot be asked. */
async function currentVersion(session: S3Session, key: string, signal: AbortSignal): Promise<string | undefined> {
  const { HeadObjectCommand } = await import('./sdk.ts');
  const { reference } = session;
  const command = new HeadObjectCommand({ Bucket: reference.bucket, Key: key });
  return await session
    .repeat(`HEAD ${objectUrl(reference, '')}`, signal, (client) => client.send(command, { abortSignal: signal }))
    .then(
      ({ VersionId }) => VersionId,
      () => undefined,
    );
}

async function removeOne(session: S3Session, key: string, version: string | undefined, signal: AbortSignal) {
  const { DeleteObjectCommand } = await import('./sdk.ts');
  const { reference } = session;
  const command = new DeleteObjectCommand({
    Bucket: reference.bucket,
    Key: key,
    ...(version !== undefined && { VersionId: version }),
  });
  await session.repeat(`DELETE ${objectUrl(reference, '')}`, signal, (client) =>
    client.send(command, { abortSignal: signal }),
  );
}
