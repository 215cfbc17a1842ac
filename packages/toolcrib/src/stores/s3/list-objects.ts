import { IntegrityError } from '../../core/errors.ts';
import { listedNames } from '../file-name.ts';
import { objectKey, objectUrl } from './address.ts';
import type { S3Session } from './session.ts';

/** No store of releases is larger: a server that says so does not end. */
const MAX_PAGES = 1000;
const MAX_NAMES = 200_000;

/**
 * Names of files at the store's level of the bucket.
 * @throws IntegrityError `TOO_LARGE` for a listing that does not end.
 */
export async function listObjects(
  session: S3Session,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<readonly string[]> {
  const names: string[] = [];
  let token: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const listed = await listPage(session, prefix, token, signal);
    names.push(...listedNames(listed.names, prefix));
    token = listed.next;
    if (token === undefined) return listedNames(names, prefix);
    if (names.length > MAX_NAMES) break;
  }
  throw new IntegrityError(
    'TOO_LARGE',
    `${objectUrl(session.reference, prefix)} lists more than a store of releases can`,
    {
      hint: 'that is no store of releases, or its server does not end: nothing was decided on what it listed',
    },
  );
}

async function listPage(
  session: S3Session,
  prefix: string,
  token: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ names: readonly string[]; next: string | undefined }> {
  const { ListObjectsV2Command } = await import('./sdk.ts');
  const { reference } = session;
  const base = objectKey(reference, '');
  const command = { Bucket: reference.bucket, Prefix: base + prefix, Delimiter: '/', ContinuationToken: token };
  const answer = await session.repeat(`LIST ${objectUrl(reference, prefix)}`, signal, (client) =>
    client.send(new ListObjectsV2Command(command), { ...(signal !== undefined && { abortSignal: signal }) }),
  );
  const names = (answer.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(base.length)]));
  return { names, next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined };
}
