import type { StoreReference } from '../../core/reference.ts';
import type { TransferOptions } from '../../transfer/transfer-options.ts';
import { createTransfer } from '../../transfer/transfer.ts';
import { assertStoreFileName } from '../file-name.ts';
import type { Store } from '../store.ts';
import { createFile } from './create-file.ts';
import { listFiles } from './list-files.ts';

/** What an HTTP store needs from outside. */
export interface HttpStoreOptions extends TransferOptions {
  /** The bearer token of the server: shown to the store's own origin, when something is created there, and nowhere else. */
  readonly token?: string | undefined;
  /** False: a 403 is RemoteError `REMOTE_REFUSED`, for what is hidden may be there. Default: true. */
  readonly forbiddenIsMissing?: boolean;
}

/**
 * A store on an HTTP server, flat: `{base}/{file name}`. Any server of files can be read from; publishing needs one that
 * creates conditionally and lists, as `toolcrib serve` does. Nothing is asked before the first call.
 */
export function openHttpStore(
  { url, base }: Extract<StoreReference, { kind: 'http' }>,
  options: HttpStoreOptions,
): Store {
  const mirror = createTransfer(options);
  const transfer = createTransfer({ ...options, rewrite: [] });
  return {
    reference: url,
    guarantee: 'write-once',
    async fetch(name, { signal, onMissing } = {}) {
      assertStoreFileName(name);
      const { forbiddenIsMissing = true } = options;
      return await mirror.get(`${base}/${name}`, { signal, forbiddenIsMissing, onMissing });
    },
    async create(name, source, { signal } = {}) {
      assertStoreFileName(name);
      const { token } = options;
      return await createFile(`${base}/${name}`, source, { transfer, options, token, signal });
    },
    list: (prefix, { signal } = {}) => listFiles(`${base}/`, prefix, { transfer, options, signal }),
    complete: () => Promise.resolve('complete'),
    async close() {
      await Promise.all([mirror.close(), transfer.close()]);
    },
  };
}
