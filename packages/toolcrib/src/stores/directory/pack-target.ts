import { dirname } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { sweepTemporaries } from '../../disk/temporary.ts';
import { createFileOnce, ensureDirectory } from '../../disk/write-file.ts';
import type { PackTarget } from '../pack-target.ts';
import { openStoredFile } from './stored-file.ts';

/** Published files are for everybody to read and for nobody to change. */
const MODE = 0o444;

/** @param path of the pack, absolute; its directory is made when it is written. */
export function openDirectoryPackTarget(path: string, { clock }: { readonly clock: Clock }): PackTarget {
  // A source is read as it stands: nothing in it is decoded.
  const source = `file://${path}`;
  return {
    where: source,
    guarantee: 'write-once',
    async create(pack, { signal } = {}) {
      signal?.throwIfAborted();
      await ensureDirectory(dirname(path));
      await sweepTemporaries(dirname(path), { now: clock.now() });
      return await createFileOnce(path, pack, { mode: MODE, signal });
    },
    async open({ signal } = {}) {
      signal?.throwIfAborted();
      const file = await openStoredFile(path, signal);
      return file && { file, source };
    },
    close: () => Promise.resolve(),
  };
}
