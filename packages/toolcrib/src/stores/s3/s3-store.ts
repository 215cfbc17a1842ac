import { createTransfer } from '../../transfer/transfer.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { assertStoreFileName } from '../file-name.ts';
import type { Store } from '../store.ts';
import type { S3Reference } from './address.ts';
import type { S3Credentials } from './client.ts';
import { createObject } from './create-object.ts';
import { listObjects } from './list-objects.ts';
import { objectReader } from './read-object.ts';
import { openSession } from './session.ts';

/** What an S3 store needs from outside. */
export interface S3StoreOptions extends TransferOptions {
  /** Absent: whatever the SDK's own chain finds (environment, profile, role). */
  readonly credentials?: S3Credentials | undefined;
}

/** A store in an S3 bucket, flat: `{bucket}/{prefix}/{file name}`. Nothing is loaded or asked before the first call. */
export function openS3Store(reference: S3Reference, options: S3StoreOptions): Store {
  const session = openSession(reference, options, options.credentials);
  const transfer = createTransfer(options);
  const read = objectReader(session, transfer);
  return {
    reference: reference.url,
    guarantee: 'write-once',
    async fetch(name, { signal } = {}) {
      assertStoreFileName(name);
      signal?.throwIfAborted();
      return await read(name, signal);
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      return await createObject(session, name, source, signal);
    },
    list: (prefix, { signal } = {}) => listObjects(session, prefix, signal),
    complete: () => Promise.resolve('complete'),
    async close() {
      await Promise.all([session.close(), transfer.close()]);
    },
  };
}
