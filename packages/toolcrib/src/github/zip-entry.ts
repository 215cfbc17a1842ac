import { fromFdPromise, type Entry, type ZipFile } from 'yauzl';
import { IntegrityError, messageOf, ToolcribError } from '../core/errors.ts';
import { openRegularFile } from '../disk/open-regular-file.ts';

/** What a ZIP of an artifact may hold. */
export interface ZipLimits {
  readonly maxEntries: number;
  /** Of one entry, unpacked, in bytes. */
  readonly maxEntryBytes: number;
}

/**
 * Reads files of a ZIP whose names are known. Others are passed over, and never written anywhere.
 * @param path absolute.
 * @param names file names without folders.
 * @param use gets each file once, while the ZIP is open; its bytes throw IntegrityError when they are damaged.
 * @throws IntegrityError `MALFORMED` for what is no ZIP, lacks a name, or has one twice; `TOO_LARGE`; NotFoundError,
 * RemoteError `STORAGE` of the disk; whatever `use` throws.
 */
export async function readZipEntries(
  path: string,
  names: readonly string[],
  limits: ZipLimits,
  use: (name: string, bytes: AsyncIterable<Uint8Array>, size: number) => Promise<void>,
): Promise<void> {
  const handle = await openRegularFile(path);
  try {
    const zip = await wellFormed(path, () => fromFdPromise(handle.fd, OPTIONS));
    const entries = await wellFormed(path, () => entriesOf(zip, limits));
    for (const name of names) {
      const entry = onlyEntry(entries, name, path);
      if (entry.uncompressedSize > limits.maxEntryBytes) throw tooLarge(`${name} in ${path}`, limits.maxEntryBytes);
      await use(name, readEntry(zip, entry, path), entry.uncompressedSize);
    }
  } finally {
    await handle.close();
  }
}

const OPTIONS = { autoClose: false, lazyEntries: true, strictFileNames: true, validateEntrySizes: true };

async function entriesOf(zip: ZipFile, { maxEntries }: ZipLimits): Promise<readonly Entry[]> {
  if (zip.entryCount > maxEntries) throw tooLarge('a ZIP with many entries', maxEntries);
  const entries: Entry[] = [];
  for await (const entry of zip.eachEntry()) entries.push(entry);
  return entries;
}

function onlyEntry(entries: readonly Entry[], name: string, path: string): Entry {
  const [entry, second] = entries.filter(({ fileName }) => fileName === name);
  if (entry === undefined) throw malformed(path, `it has no ${name}`);
  if (second !== undefined) throw malformed(path, `it has ${name} twice`);
  if (!entry.canDecodeFileData()) throw malformed(path, `${name} is encrypted or compressed in an unknown way`);
  return entry;
}

async function* readEntry(zip: ZipFile, entry: Entry, path: string): AsyncGenerator<Uint8Array> {
  const stream = await wellFormed(path, () => zip.openReadStreamPromise(entry));
  try {
    for await (const piece of stream) {
      if (piece instanceof Uint8Array) yield piece;
    }
  } catch (error) {
    throw damage(error, path);
  } finally {
    stream.destroy();
  }
}

async function wellFormed<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw damage(error, path);
  }
}

/** yauzl and zlib throw plain errors about what they read, and the system's about the disk. */
function damage(error: unknown, path: string): unknown {
  if (error instanceof ToolcribError) return error;
  if (error instanceof Error && 'syscall' in error) return error;
  return malformed(path, messageOf(error));
}

function malformed(path: string, what: string): IntegrityError {
  return new IntegrityError('MALFORMED', `${path} is not the ZIP of an artifact: ${what}`, {
    hint: 'look at the artifacts of that run; nothing of it was used',
  });
}

function tooLarge(what: string, limit: number): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${what} is above the limit of ${limit}`, { hint: 'nothing of it was used' });
}
