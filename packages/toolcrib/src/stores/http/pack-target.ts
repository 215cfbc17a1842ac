import { createTransfer } from '../../transfer/transfer.ts';
import type { PackTarget } from '../pack-target.ts';
import { createFile } from './create-file.ts';
import type { HttpStoreOptions } from './http-store.ts';

/** An artifact of an extension store. */
export interface HttpArtifact {
  /** Where the store has it. */
  readonly url: string;
  /** What depends on it says so. */
  readonly source: string;
}

/**
 * A pack on a server that creates conditionally, as `toolcrib serve` does. Rewrite rules do not apply: what is written, and
 * read to decide on that, is where the reference says.
 */
export function openHttpPackTarget({ url, source }: HttpArtifact, options: HttpStoreOptions): PackTarget {
  const transfer = createTransfer({ ...options, rewrite: [] });
  return {
    where: url,
    guarantee: 'write-once',
    create: (pack, { signal } = {}) => createFile(url, pack, { transfer, options, token: options.token, signal }),
    async open({ signal } = {}) {
      const file = await transfer.get(url, { signal, forbiddenIsMissing: false });
      return file && { file, source };
    },
    close: () => transfer.close(),
  };
}
