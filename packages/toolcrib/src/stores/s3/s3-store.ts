import { RemoteError } from '../../core/errors.ts';
import { displayUrl } from '../../transfer/display-url.ts';
import { rewriteUrl } from '../../transfer/rewrite.ts';
import { createTransfer } from '../../transfer/transfer.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { assertStoreFileName } from '../file-name.ts';
import type { Store } from '../store.ts';
import { objectUrl, type S3Reference } from './address.ts';
import type { S3Credentials } from './client.ts';
import { createObject } from './create-object.ts';
import { listObjects } from './list-objects.ts';
import { anonymousReader, objectReader } from './read-object.ts';
import { openSession } from './session.ts';

/** What an S3 store needs from outside. */
export interface S3StoreOptions extends TransferOptions {
  /** Absent: whatever the SDK's own chain finds (environment, profile, role). */
  readonly credentials?: S3Credentials | undefined;
  /**
   * True: the SDK, which looks for credentials by itself, is not even loaded. What everybody may read can be read, and
   * what is refused is refused, for it may be there: RemoteError `REMOTE_REFUSED`. Nothing is listed or created.
   */
  readonly anonymous?: boolean;
}

/** A store in an S3 bucket, flat: `{bucket}/{prefix}/{file name}`. Nothing is loaded or asked before the first call. */
export function openS3Store(reference: S3Reference, options: S3StoreOptions): Store {
  const { credentials, anonymous = false } = options;
  const session = openSession(reference, options, credentials);
  const transfer = createTransfer(options);
  const read = anonymous ? anonymousReader(reference, transfer) : objectReader(session, transfer);
  const demandCredentials = (): void => {
    if (anonymous) throw notAnonymous(reference);
  };
  return {
    reference: reference.url,
    guarantee: 'write-once',
    async fetch(name, { signal, onMissing } = {}) {
      assertStoreFileName(name);
      signal?.throwIfAborted();
      const file = await read(name, signal);
      const url = rewriteUrl(objectUrl(reference, name), options.rewrite);
      if (file === undefined) onMissing?.({ url: displayUrl(url), isHidden: false });
      return file;
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      demandCredentials();
      return await createObject(session, name, source, signal);
    },
    async list(prefix, { signal } = {}) {
      demandCredentials();
      return await listObjects(session, prefix, signal);
    },
    complete: () => Promise.resolve('complete'),
    async close() {
      await Promise.all([session.close(), transfer.close()]);
    },
  };
}

function notAnonymous(reference: S3Reference): RemoteError {
  const what = `${objectUrl(reference, '')} is only read here, without credentials`;
  return new RemoteError('REMOTE_REFUSED', what, {
    hint: 'listing and publishing need credentials',
    details: { anonymous: true },
  });
}
