import { constants } from 'node:fs';
import { access, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock, type Lock } from '../cache/lock.ts';
import { isSystemError, RemoteError } from '../core/errors.ts';
import { storageError } from '../disk/storage-error.ts';
import type { Host } from './host.ts';

/** Is there while a command writes the files of a pack; whoever held it removes it. */
const PACK_HOLD_NAME = '.pack.extensions.sqlite';

/** Who holds it reads and writes two small files; what takes longer hangs. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 10;

/**
 * Reads and writes the files of a pack's directory while no other command does, whatever cache it has. Nothing is acquired
 * meanwhile: that can last.
 * @param packDirectory absolute.
 * @throws RemoteError `STORAGE` where the directory cannot be locked; what `work` throws; the signal's reason.
 */
export async function holdPack<T>(host: Host, packDirectory: string, work: () => Promise<T>): Promise<T> {
  // Where nothing can be written, nothing can be lost.
  if (!(await isWritable(packDirectory))) return await work();
  const path = join(packDirectory, PACK_HOLD_NAME);
  const lock = await takeLock(host, path);
  try {
    return await work();
  } finally {
    // First: who waits for it has to see that it is another.
    await unlink(path).catch(() => undefined);
    lock.release();
  }
}

async function takeLock({ clock, signal }: Host, path: string): Promise<Lock> {
  const deadline = clock.elapsed() + PATIENCE_MS;
  for (;;) {
    signal?.throwIfAborted();
    const before = await identityOf(path);
    const lock = await tryLock(path);
    if (lock === 'unavailable') throw cannotLock(path, 'it cannot be locked');
    if (lock !== 'busy') {
      // A file that was not there is only made: nobody knows whether the one that is there now was meant.
      if (before !== undefined && before === (await identityOf(path))) return lock;
      lock.release();
    } else if (clock.elapsed() >= deadline) throw cannotLock(path, 'another command holds it and does not end');
    else await clock.sleep(PAUSE_MS, signal);
  }
}

/** Of the file that stands there; undefined when none does. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, ctimeNs].join(':');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return undefined;
    throw storageError(error, 'examine', path);
  }
}

async function isWritable(directory: string): Promise<boolean> {
  return await access(directory, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function cannotLock(path: string, why: string): RemoteError {
  return new RemoteError('STORAGE', `cannot write the files of a pack: ${path} keeps others from it, and ${why}`, {
    hint: 'nothing was written: end what holds it; a directory whose file system has no locks cannot be written to',
    details: { path, operation: 'lock' },
  });
}
