import { UsageError } from '../core/errors.ts';
import { fileKind, lstatOrUndefined } from './file-kind.ts';

/**
 * Refuses a path that a whole file is not to take: writing one replaces what stands there, and only a file is meant to be
 * replaced, never a device, a pipe or a link. Call it before there is work that would be lost.
 * @throws UsageError `USAGE`, saying what stands there; RemoteError `STORAGE` when nobody can tell.
 */
export async function verifyOutputFile(path: string): Promise<void> {
  const stats = await lstatOrUndefined(path);
  if (stats === undefined || stats.isFile()) return;
  throw new UsageError('USAGE', `${path} is ${fileKind(stats)}, and a file would take its place`, {
    hint: 'name a file, or one that is not there yet',
    details: { path },
  });
}
