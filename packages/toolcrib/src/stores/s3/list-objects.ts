import { listedNames } from '../file-name.ts';
import { endlessListing, verifyListing } from '../listing-limit.ts';
import { objectKey, objectUrl } from './address.ts';
import { withoutBody } from './client.ts';
import type { S3Session } from './session.ts';

/** Pages may be empty. */
const MAX_PAGES = 1000;

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
    verifyListing(names.length, objectUrl(session.reference, prefix));
  }
  throw endlessListing(objectUrl(session.reference, prefix));
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
    client.send(new ListObjectsV2Command(command), withoutBody(session.options, signal)),
  );
  const names = (answer.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(base.length)]));
  return { names, next: answer.IsTruncated === true ? answer.NextContinuationToken : undefined };
}
