import { RemoteError } from '../../core/errors.ts';
import { storeListingFrom, type StoreListing } from '../../core/store-listing.ts';
import { mayPass, passingFailure } from '../../transfer/passing-status.ts';
import { repeatableBody } from '../../transfer/repeatable-body.ts';
import { retry } from '../../transfer/retry.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import type { Transfer } from '../../transfer/transfer.ts';
import { listedNames } from '../file-name.ts';

/** Of a listing, in bytes: room for a few hundred thousand files. */
const MAX_LISTING = 64 * 1024 * 1024;

interface ListContext {
  readonly transfer: Transfer;
  readonly options: TransferOptions;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks a server for its listing, again when it breaks off.
 * @param url of the store, with a slash at its end.
 * @throws RemoteError `REMOTE_REFUSED` when it has none; as `Lister.list`; IntegrityError `TOO_LARGE`.
 */
export async function listFiles(url: string, prefix: string, context: ListContext): Promise<readonly string[]> {
  const { files } = await retry(() => askForListing(url, context), { ...context.options, signal: context.signal });
  return listedNames(
    files.map(({ name }) => name),
    prefix,
  );
}

async function askForListing(url: string, { transfer, options, signal }: ListContext): Promise<StoreListing> {
  const reply = await transfer.send(url, { method: 'GET', headers: { accept: 'application/json' }, signal });
  if (reply.status !== 200) {
    reply.discard();
    throw mayPass(reply.status)
      ? passingFailure('GET', reply, options.clock)
      : noListing(reply.url, `answered ${reply.status}`, reply.status);
  }
  const listing = storeListingFrom((await repeatableBody(reply, MAX_LISTING)).toString('utf8'));
  if (listing === undefined) throw noListing(reply.url, 'answered with something else', reply.status);
  return listing;
}

function noListing(url: string, what: string, status: number): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${url} was asked for its listing and ${what}`, {
    hint: 'a plain file server can be read from, but not published to or listed: "toolcrib serve" can',
    details: { status },
  });
}
