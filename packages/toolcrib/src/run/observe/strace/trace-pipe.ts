import { execFile } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readdir, rmdir, unlink } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { formatIdentity, identityFrom, livenessOf, ownIdentity } from '../../../disk/process-identity.ts';
import { removeBelow } from '../../../disk/remove-below.ts';

/** A pipe with a name, for an output that strace opens by name. Nobody else may open it. */
export interface TracePipe {
  readonly path: string;
  /** The reading end, for a process that is to hold it. */
  readonly descriptor: number;
  /** What is written, as Latin-1. Ends when every writer has closed it, but not before {@link TracePipe.release}. */
  readonly chunks: AsyncIterator<string>;
  /** The writer has opened it, or never will: the name goes, and the output ends with the writer. */
  release(): Promise<void>;
  /** Reads no more. */
  close(): Promise<void>;
}

const PREFIX = 'toolcrib-strace-';
/** The pipe in its folder. */
const NAME = 'calls';
const FOLDER = new RegExp(`^${PREFIX}(?<identity>.+)-[^-]{6}$`);

/** @throws Error of the system when there is no place for it, or no `mkfifo`. */
export async function openTracePipe(): Promise<TracePipe> {
  await sweepFolders(tmpdir());
  const directory = await mkdtemp(join(tmpdir(), `${PREFIX}${formatIdentity(ownIdentity())}-`));
  try {
    const path = join(directory, NAME);
    await promisify(execFile)('mkfifo', ['-m', '600', path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    // With a writer of our own the output does not end before strace has come.
    const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    return tracePipe(directory, path, reader, writer);
  } catch (error) {
    await removeBelow(tmpdir(), directory);
    throw error;
  }
}

/** Removes folders of processes that were killed before their guard had started. */
async function sweepFolders(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    const owner = identityFrom(FOLDER.exec(name)?.groups?.['identity'] ?? '');
    if (owner === undefined || livenessOf(owner) !== 'dead') continue;
    // Nothing else is in them; what another user made under such a name stays.
    await unlink(join(parent, name, NAME)).catch(() => undefined);
    await rmdir(join(parent, name)).catch(() => undefined);
  }
}

function tracePipe(directory: string, path: string, reader: number, writer: number): TracePipe {
  const socket = new Socket({ fd: reader, readable: true, writable: false });
  socket.setEncoding('latin1');
  let released: Promise<void> | undefined;
  const release = async (): Promise<void> => {
    closeSync(writer);
    await removeBelow(tmpdir(), directory);
  };
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<string>;
  const pipe: TracePipe = {
    path,
    descriptor: reader,
    chunks,
    release: () => (released ??= release()),
    async close() {
      socket.destroy();
      await pipe.release();
    },
  };
  return pipe;
}
