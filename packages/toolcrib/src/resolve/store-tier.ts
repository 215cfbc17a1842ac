import type { LockedBlob } from '../cache/cache.ts';
import { lentPieces } from '../core/lent-pieces.ts';
import { IntegrityError, messageOf, RemoteError } from '../core/errors.ts';
import type { StoreReference } from '../core/reference.ts';
import type { Absence, FetchOptions, OpenedFile } from '../stores/store.ts';
import { refuseRevokedByStores } from './not-revoked.ts';
import type { OpenFetcher } from './resolution.ts';
import { report, type Found, type Search, type Tier } from './search.ts';

/** An artifact above this size, in bytes, is not downloaded. */
export const MAX_ARTIFACT_BYTES = 2 * 1024 ** 3;

/** How often a download that breaks is begun, and the wait before the second time, in milliseconds. */
const DOWNLOADS = 3;
const WAIT_MS = 500;

/** A look into one store, and what is known of it so far, however it ends. */
interface Look {
  /** The store as it is configured, until it is known where it really looks: after rewrites. */
  where: string;
  /** Bytes that came; undefined before there were any. */
  size: number | undefined;
  /** True: it says that the file is not there, or not for us. */
  isHidden: boolean;
  /** By the clock's `elapsed`. */
  readonly since: number;
}

/** Why a store did not have it; a private mirror answers so without credentials, and so does a bucket of another. */
export const HIDDEN = 'it is not there, or not shown to us: the server answered 403 (forbidden)';

/** What is done with a file that a store has. */
type Take = (store: OpenFetcher, file: OpenedFile, look: Look) => Promise<Found>;

/**
 * The stores in the order of the configuration, by one process at a time: the others wait, and find the artifact in the
 * cache. Bytes are verified on their way into it.
 */
export const storeTier: Tier = {
  name: 'store',
  places: ({ request }) => request.pins.stores.map((store) => store.url),
  async look(search) {
    const { request, artifact } = search;
    const { cache, offline, pins, signal } = request;
    if (pins.stores.length === 0) return undefined;
    if (offline) {
      skipAll(search, 'no store is asked offline');
      return undefined;
    }
    if (search.dryRun) return lookInStores(search, (...opened) => leave(search, ...opened));
    return cache.withLock(artifact.digest, (blob) => lookUnderLock(search, blob), {
      signal,
      meanwhile: async () => fetchedElsewhere(search, await cache.find(artifact.digest, { signal })),
    });
  },
};

async function lookUnderLock(search: Search, blob: LockedBlob): Promise<Found | undefined> {
  const other = fetchedElsewhere(search, await blob.find());
  if (other === undefined) await refuseRevokedByStores(search);
  return other ?? (await lookInStores(search, (...opened) => download(search, blob, ...opened)));
}

function fetchedElsewhere(search: Search, path: string | undefined): Found | undefined {
  if (path === undefined) return undefined;
  report(search, 'cache', path, 'found', 'another process put it there meanwhile');
  skipAll(search, 'it was found before');
  return { tier: 'cache', path, url: null, store: null };
}

async function lookInStores(search: Search, take: Take): Promise<Found | undefined> {
  const { stores } = search.request.pins;
  for (const [index, store] of stores.entries()) {
    const found = await lookInStore(search, store, take);
    if (found === undefined) continue;
    for (const { url } of stores.slice(index + 1)) report(search, 'store', url, 'skipped', 'it was found before');
    return found;
  }
  return undefined;
}

async function lookInStore(search: Search, reference: StoreReference, take: Take): Promise<Found | undefined> {
  const since = search.request.clock.elapsed();
  const look: Look = { where: reference.url, size: undefined, isHidden: false, since };
  try {
    const store = await search.request.openStore(reference).catch(failedStore);
    const found = await takeFrom(search, store, take, look);
    if (found !== undefined) return found;
    passOver(search, look, 'missing', look.isHidden ? HIDDEN : 'it has no such file');
  } catch (error) {
    if (error instanceof IntegrityError) report(search, 'store', look.where, 'refused', error.message, look);
    if (!(error instanceof StoreFailure)) throw error;
    passOver(search, { ...look, where: urlOf(error.cause) ?? look.where }, 'unreachable', messageOf(error.cause));
  }
  return undefined;
}

/** A store repeats what fails before it answers; a body that breaks after that is asked for again here. */
async function takeFrom(search: Search, store: OpenFetcher, take: Take, look: Look): Promise<Found | undefined> {
  const { clock, signal } = search.request;
  for (let attempt = 1; ; attempt++) {
    const file = await store.fetch(search.artifact.name, fetchOptions(search, look)).catch(failedStore);
    if (file === undefined) return undefined;
    look.where = file.url;
    try {
      return await take(store, file, look);
    } catch (error) {
      if (!(error instanceof StoreFailure) || attempt === DOWNLOADS) throw error;
      const text = `${messageOf(error.cause)}; download ${attempt + 1} of ${DOWNLOADS} in ${(attempt * WAIT_MS) / 1000} s`;
      search.request.reporter.notice({ kind: 'step', text });
      await clock.sleep(attempt * WAIT_MS, signal);
    }
  }
}

async function download(
  search: Search,
  blob: LockedBlob,
  store: OpenFetcher,
  file: OpenedFile,
  look: Look,
): Promise<Found> {
  const progress = search.request.reporter.progress(search.artifact.name, file.size);
  let size = 0;
  look.size = size;
  try {
    const path = await blob.admit({
      what: file.url,
      maxBytes: MAX_ARTIFACT_BYTES,
      durable: false,
      open: () => fromStore(lentPieces(file.bytes)),
      onBytes(bytes) {
        size += bytes;
        look.size = size;
        progress.advance(bytes);
      },
    });
    report(search, 'store', file.url, 'found', 'it has the pinned digest', look);
    return { tier: 'store', path, url: file.url, store: store.reference };
  } finally {
    progress.end();
  }
}

/** For a dry run: the store has the file. Ending the iteration frees the connection, which takes one that began. */
async function leave(search: Search, store: OpenFetcher, file: OpenedFile, { since }: Look): Promise<Found> {
  for await (const _piece of fromStore(file.bytes)) break;
  const { size } = file;
  report(search, 'store', file.url, 'found', 'it has a file of that name; its bytes were not checked', { size, since });
  return { tier: 'store', path: null, url: file.url, store: store.reference };
}

/** A failure of a store, told apart from a failure of the cache's disk, which asking the next store does not heal. */
class StoreFailure extends Error {}

function failedStore(error: unknown): never {
  if (error instanceof RemoteError) throw new StoreFailure('a store failed', { cause: error });
  throw error;
}

async function* fromStore(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = bytes[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await iterator.next().catch(failedStore);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

function passOver(search: Search, look: Look, outcome: 'missing' | 'unreachable', reason: string): void {
  const { where, since } = look;
  report(search, 'store', where, outcome, reason, { since });
  search.request.reporter.notice({
    kind: 'warning',
    text: `${search.artifact.name} does not come from ${where}: ${reason}`,
  });
}

function skipAll(search: Search, reason: string): void {
  for (const place of storeTier.places(search)) report(search, 'store', place, 'skipped', reason);
}

/** Where the store really looked, after rewrites. */
function urlOf(error: unknown): string | undefined {
  const url = error instanceof RemoteError ? error.details['url'] : undefined;
  return typeof url === 'string' ? url : undefined;
}

function fetchOptions({ request: { signal }, artifact: { digest } }: Search, look: Look): FetchOptions {
  const onMissing = ({ url, isHidden }: Absence): void => void Object.assign(look, { where: url, isHidden });
  return { digest, onMissing, ...(signal && { signal }) };
}
