import { createDigester, verifyExpected, type Digest, type Expected } from '../core/digest.ts';
import { hasCode, IntegrityError, RemoteError } from '../core/errors.ts';
import { attestedName, isRevocationListName } from '../core/release-names.ts';
import type { Fetcher } from '../stores/store.ts';

/** A stored sums file or manifest is never larger, in bytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** A broken connection while bytes flow is met by reading again from the start, this often in all. */
const READS = 3;

/** A store for messages and for reading. */
export type ReadableStore = Fetcher & { readonly reference: string };

/** How files of a store are read. */
export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** True: ask for what stands under the name, also where the store keeps by digest. */
  readonly byName?: boolean;
  /** True for who writes next, and is told then what is there: what a store may only hide counts as missing. */
  readonly hiddenIsMissing?: boolean;
  /** Called with the number of bytes of each piece. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Reads a small text of a store.
 * @returns undefined when the store does not have it.
 * @throws IntegrityError `TOO_LARGE`; as {@link Fetcher.fetch}.
 */
export async function readStoredText(
  store: ReadableStore,
  name: string,
  options: ReadOptions = {},
): Promise<string | undefined> {
  return (await readStoredBytes(store, name, options))?.toString('utf8');
}

/**
 * As {@link readStoredText}, the bytes as they are. A store that answers to what is missing as to what is not for everybody
 * (`details.mayBeMissing`) is believed of what a release can be without: attestations and a list of revoked releases.
 */
export async function readStoredBytes(
  store: ReadableStore,
  name: string,
  options: ReadOptions = {},
): Promise<Buffer | undefined> {
  return await rereading(async () => {
    const file = await open(store, name, options).catch((error: unknown) => {
      const mayBeMissing = hasCode(error, 'REMOTE_REFUSED') && error.details['mayBeMissing'] === true;
      if (mayBeMissing && (options.hiddenIsMissing === true || isOptional(name))) return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of file.bytes) {
      size += chunk.byteLength;
      if (size > MAX_TEXT_BYTES) throw tooLarge(file.url);
      chunks.push(Uint8Array.from(chunk));
    }
    return Buffer.concat(chunks);
  });
}

function isOptional(name: string): boolean {
  return attestedName(name) !== undefined || isRevocationListName(name);
}

function tooLarge(url: string): IntegrityError {
  return new IntegrityError('TOO_LARGE', `${url} has more than ${MAX_TEXT_BYTES} bytes`, {
    hint: 'that is no file of a release: look at the store',
  });
}

/**
 * Reads a file of a store to its end and compares it with what it has to be.
 * @returns where it really came from, after rewrites; carries no secret.
 * @throws IntegrityError `SIZE_MISMATCH`, `DIGEST_MISMATCH`; RemoteError `REMOTE_REFUSED` when the store does not give it
 * out; as {@link Fetcher.fetch}.
 */
export async function verifyStoredFile(
  store: ReadableStore,
  name: string,
  expected: Expected & { readonly size: number },
  options: ReadOptions = {},
): Promise<string> {
  return await rereading(async () => {
    const file = await open(store, name, options.byName === true ? options : { ...options, digest: expected.digest });
    if (file === undefined) throw notGivenOut(store, name);
    const digester = createDigester();
    for await (const chunk of file.bytes) {
      digester.update(chunk);
      options.onBytes?.(chunk.byteLength);
      if (digester.size > expected.size) break;
    }
    verifyExpected(file.url, expected, { size: digester.size, digest: digester.finish() });
    return file.url;
  });
}

/** A store says that it has a file, and that there is none: RemoteError `REMOTE_REFUSED`. */
export function notGivenOut(store: ReadableStore, name: string): RemoteError {
  return new RemoteError('REMOTE_REFUSED', `${store.reference} has ${name} but does not give it out`, {
    hint: 'publishing reads back what it wrote: the credentials need the right to read (s3:GetObject)',
  });
}

function open(
  store: ReadableStore,
  name: string,
  { signal, digest }: ReadOptions & { readonly digest?: Digest },
): ReturnType<Fetcher['fetch']> {
  return store.fetch(name, { ...(signal && { signal }), ...(digest && { digest }) });
}

async function rereading<T>(read: () => Promise<T>): Promise<T> {
  for (let made = 1; ; made += 1) {
    try {
      return await read();
    } catch (error) {
      if (made >= READS || !hasCode(error, 'UNREACHABLE')) throw error;
    }
  }
}
