import { mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { formatIdentity, identityFrom, livenessOf, ownIdentity } from '../disk/process-identity.ts';
import { removeBelow } from '../disk/remove-below.ts';
import { onDisk } from '../disk/storage-error.ts';
import { ensureDirectory } from '../disk/write-file.ts';

const NAME = /^\.toolcrib-build-(?<identity>.+)-[^-]{6}$/;

/**
 * Gives a new directory to the work and removes it afterwards, with those that killed processes left beside it.
 * @param parent is made if it is not there.
 * @throws RemoteError `STORAGE`; what the work throws.
 */
export async function withScratch<T>(parent: string, work: (scratch: string) => Promise<T>): Promise<T> {
  await ensureDirectory(parent);
  await removeAbandoned(parent);
  const prefix = join(parent, `.toolcrib-build-${formatIdentity(ownIdentity())}-`);
  const scratch = await onDisk('create a directory in', parent, () => mkdtemp(prefix));
  try {
    return await work(scratch);
  } finally {
    await removeBelow(parent, scratch);
  }
}

async function removeAbandoned(parent: string): Promise<void> {
  for (const name of await onDisk('list', parent, () => readdir(parent))) {
    const owner = identityFrom(NAME.exec(name)?.groups?.['identity'] ?? '');
    if (owner === undefined || livenessOf(owner) !== 'dead') continue;
    await removeBelow(parent, join(parent, name));
  }
}
